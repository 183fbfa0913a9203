// @ts-check
// Stands in for the kernel in a page that holds one design: it gives the views what the kernel had
// put together for them, and for each selection what the kernel would have answered.

/** @typedef {Record<string, unknown>} Traits */

/**
 * A drawing, and the item in it that stands for each selection.
 * @typedef {{ traits: Traits, shown: Record<string, string> }} StillDrawing
 */

/**
 * What the page holds.
 * @typedef {object} Held
 * @property {Record<string, Traits>} views The traits of each view.
 * @property {Record<string, Record<string, Traits>>} marks Those that a selection decides, by what is
 *   selected and by view.
 * @property {Record<string, StillDrawing>} drawings By how much is written of a block.
 */

/** A model without a kernel. */
class StillModel {
  /**
   * @param {Traits} traits
   * @param {(message: Traits) => void} hear
   */
  constructor(traits, hear) {
    this.traits = traits;
    this.hear = hear;
    /** @type {Map<string, Set<() => void>>} */
    this.listeners = new Map();
  }

  /** @param {string} name */
  get(name) {
    return this.traits[name];
  }

  /** @param {string} name @param {unknown} value */
  set(name, value) {
    this.traits[name] = value;
  }

  save_changes() {}

  /**
   * Is answered once the view has done what it sends this for, as a kernel would.
   * @param {Traits} message
   */
  send(message) {
    setTimeout(() => this.hear(message));
  }

  /** @param {string} event @param {() => void} listener */
  on(event, listener) {
    const heard = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, heard.add(listener));
  }

  /** @param {string} event @param {() => void} listener */
  off(event, listener) {
    this.listeners.get(event)?.delete(listener);
  }

  /**
   * Changes traits, as a message of the kernel does.
   * @param {Traits} traits
   */
  take(traits) {
    Object.assign(this.traits, traits);
    for (const event of [...Object.keys(traits).map((name) => `change:${name}`), "change"]) {
      for (const listener of this.listeners.get(event) ?? []) listener();
    }
  }
}

/** The page's views, and what is selected in all of them. */
class Still {
  /** @param {Held} held */
  constructor(held) {
    this.held = held;
    this.selected = "";
    this.detail = "blocks";
    /** @type {(message: Traits) => void} */
    const hear = ({ select, detail }) => {
      if (typeof select === "string") this.select(select);
      if (typeof detail === "string") this.draw(detail);
    };
    this.models = new Map(
      Object.entries(held.views).map(([name, traits]) => [name, new StillModel(traits, hear)]),
    );
    this.draw(this.detail);
    this.select("");
  }

  /** @param {string} id */
  select(id) {
    const marks = this.held.marks[id];
    if (!marks) return;
    this.selected = id;
    for (const [name, traits] of Object.entries(marks)) this.models.get(name)?.take(traits);
    const shown = this.held.drawings[this.detail]?.shown[id] ?? "";
    this.models.get("diagram")?.take({ selected: id, shown });
  }

  /** @param {string} detail */
  draw(detail) {
    const drawing = this.held.drawings[detail];
    if (!drawing) return;
    this.detail = detail;
    const shown = drawing.shown[this.selected] ?? "";
    this.models.get("diagram")?.take({ ...drawing.traits, detail, shown });
  }
}

/**
 * Reads what is packed in an element of the page.
 * @param {string} id
 * @returns {Promise<Held>}
 */
async function unpacked(id) {
  const text = required(document.getElementById(id)?.textContent, id);
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

/** Has the page look like the reader's system. */
function followTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    document.body.dataset.jpThemeLight = String(!dark.matches);
  };
  dark.addEventListener("change", follow);
  follow();
}

/**
 * Shows the design.
 * @param {Map<string, (view: object) => unknown>} renders What makes each view.
 */
async function showStill(renders) {
  followTheme();
  const still = new Still(await unpacked("explorer-held"));
  for (const [name, render] of renders) {
    const el = document.querySelector(`[data-view="${name}"]`);
    render({ model: still.models.get(name), el });
  }
  document.querySelector("[data-glossary]")?.addEventListener("click", () => {
    document.querySelector(".explorer-workspace")?.dispatchEvent(new Event("explorer-glossary"));
  });
}

// The views' own scripts, which come before, have left them here.
const { explorerRenders } = /** @type {{ explorerRenders: Map<string, (view: object) => unknown> }} */ (
  /** @type {unknown} */ (globalThis)
);
showStill(explorerRenders);
