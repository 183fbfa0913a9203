// @ts-check
// Copies text.

/**
 * Copies a text, and returns what to say of it.
 * @param {string} text
 * @param {() => void} select Selects it on the page, to be copied from there.
 */
async function copied(text, select) {
  select();
  try {
    await navigator.clipboard.writeText(text);
    return "Copied.";
  } catch {
    // Where pages may not write there.
    return document.execCommand("copy") ? "Copied." : "Press Ctrl+C to copy it.";
  }
}
