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
    /** @type {(() => Element | null) | null} What the pointer or the focus is on in this view. */
    this.under = null;
    const leave = () => {
      this.under = null;
      this.tell(undefined);
    };
    const root = () => /** @type {Document | ShadowRoot} */ (el.getRootNode());
    el.addEventListener("pointerover", (event) => this.tell(this.spotAt(targetOf(event))));
    el.addEventListener("pointermove", ({ clientX, clientY }) => {
      this.under = () => root().elementFromPoint(clientX, clientY);
    });
    el.addEventListener("pointerleave", leave);
    el.addEventListener("focusin", (event) => {
      const spot = this.spotAt(targetOf(event));
      if (!spot || !targetOf(event)?.matches(":focus-visible")) return; // a click has its pointer
      this.under = () => root().activeElement;
      this.tell(spot);
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

  /** @param {Element | null} target */
  spotAt(target) {
    const element = target?.closest(this.selector);
    return element && this.el.contains(element) ? this.spotOf(element) : undefined;
  }

  /**
   * Marks what was drawn anew. No event says that something else is there now, or nothing; and who
   * draws anew may give the focus back later.
   */
  drawn() {
    this.mark();
    requestAnimationFrame(() => {
      if (this.under) this.tell(this.spotAt(this.under()));
    });
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
