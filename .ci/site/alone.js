// Has the REPL show the explorer alone, with the design or the lesson that the fragment names.
if (!location.search) {
  const asked = JSON.stringify(location.hash.slice(1)); // a text in Python, too
  const options = new URLSearchParams({
    code: `from explorer.widget.address import shown_at\nshown_at(${asked})`,
    execute: "1",
    hideCodeInput: "1",
    kernel: "python",
    showBanner: "0",
  });
  history.replaceState(null, "", `?${options}`);
}
