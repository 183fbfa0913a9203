// Gives the controls that ipywidgets leaves without an accessible name the name of their parameter:
// slider handles, number boxes beside a slider, and the list of blocks.

function render({ el }) {
  el.hidden = true;
  let observer = null;

  function name(root) {
    root.querySelector(".explorer-blocks select")?.setAttribute("aria-label", "blocks and heads");
    for (const control of root.querySelectorAll(".explorer-control")) {
      const label = control.querySelector(".widget-label")?.textContent;
      if (!label) continue;
      for (const input of control.querySelectorAll("[role=slider], input[type=number]")) {
        if (input.getAttribute("aria-label") !== label) input.setAttribute("aria-label", label);
      }
    }
  }

  // The explorer is there only once this view has been put into it.
  const waiting = requestAnimationFrame(() => {
    const root = el.closest(".explorer");
    if (!root) return;
    const forms = root.querySelector(".explorer-controls");
    observer = new MutationObserver(() => name(root));
    observer.observe(forms, { childList: true, subtree: true });
    name(root);
  });
  return () => {
    cancelAnimationFrame(waiting);
    observer?.disconnect();
  };
}

export default { initialize, render };
