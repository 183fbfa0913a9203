// @ts-check
// Has the words marked that the glossary explains, where a view first uses them. It stands before the
// modules of views that write texts.

/** What the glossary's view leaves for the others on its page. */
const knowing = /** @type {{ explorerTerms?: (el: Element) => void }} */ (
  /** @type {unknown} */ (globalThis)
);

/**
 * Marks the terms in an element: now, or once the glossary is there.
 * @param {Element} el
 */
function markTerms(el) {
  el.classList.add("explorer-termed");
  knowing.explorerTerms?.(el);
}
