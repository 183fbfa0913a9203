// @ts-check
// What the pointer or the keyboard's focus is on is marked in all views of its explorer, in the page
// alone: the kernel does not hear of it. It stands before each view's own module.

/**
 * A layer or a block: what selects it, and what selects the block that it is in.
 * @typedef {{ id: string, block: string }} Spot
 */

const NOTHING = { id: "", block: "" };

/** Tells the other views what in this one the pointer or the focus is on, and marks what they tell. */
class Hover {
  /**
   * @param {HTMLElement} el
   * @param {string} selector Of the elements that are marked.
   * @param {(element: Element) => Spot | undefined} spotOf What such an element stands for.
   */
  constructor(el, selector, spotOf) {
    this.el = el;
    this.selector = selector;
    this.spotOf = spotOf;
    /** @type {Spot} */
    this.spot = NOTHING;
    this.isMarked = false;
    const leave = () => this.tell(undefined);
    /** @param {Event} event */
    const reach = (event) => {
      const element = targetOf(event)?.closest(selector);
      this.tell(element ? spotOf(element) : undefined);
    };
    el.addEventListener("pointerover", reach);
    el.addEventListener("pointerleave", leave);
    el.addEventListener("focusin", (event) => {
      if (targetOf(event)?.matches(":focus-visible")) reach(event); // a click has its pointer
    });
    el.addEventListener("focusout", leave);
    /** @param {Event} event */
    this.hear = (event) => {
      const { root, spot } = /** @type {CustomEvent<{ root: Element, spot: Spot }>} */ (event).detail;
      if (!root.contains(el)) return;
      this.spot = spot;
      this.mark();
    };
    window.addEventListener("explorer-hover", this.hear);
  }

  /** @param {Spot | undefined} spot */
  tell(spot = NOTHING) {
    if (spot.id === this.spot.id) return;
    const root = this.el.closest(".explorer") ?? this.el;
    window.dispatchEvent(new CustomEvent("explorer-hover", { detail: { root, spot } }));
  }

  /** Marks the element itself; where there is none, a block's layers, or a layer's block. */
  mark() {
    const { id, block } = this.spot;
    if (!id && !this.isMarked) return;
    this.isMarked = id !== "";
    const elements = [...this.el.querySelectorAll(this.selector)];
    const spots = elements.map((element) => this.spotOf(element) ?? NOTHING);
    /** @type {((spot: Spot) => boolean)[]} */
    const kinds = [(spot) => spot.id === id, (spot) => spot.block === id, (spot) => spot.id === block];
    const kind = id ? kinds.find((is) => spots.some(is)) : undefined;
    elements.forEach((element, place) => {
      element.classList.toggle("explorer-hovered", kind?.(spots[place]) ?? false);
    });
  }

  end() {
    window.removeEventListener("explorer-hover", this.hear);
  }
}
