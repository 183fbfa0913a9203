// Has the REPL show the explorer alone, with the design or the lesson that the fragment names. What the
// REPL is to do replaces it: no server is asked for a fragment, however long, when the page is loaded again.
if (!location.search && !location.hash.startsWith("#code=")) {
  const asked = JSON.stringify(location.hash.slice(1)); // a text in Python, too
  const options = new URLSearchParams({
    code: `from explorer.widget.address import shown_at\nshown_at(${asked})`,
    execute: "1",
    hideCodeInput: "1",
    kernel: "python",
    showBanner: "0",
  });
  history.replaceState(null, "", `#${options}`);
}
