// @ts-check
// Shows a layer at work, and grids as still pictures beneath.

/** @param {View<MotionState>} view */
function render({ model, el }) {
  /** @type {ReturnType<typeof addSliding> | null} */
  let player = null;

  function draw() {
    player?.end();
    el.replaceChildren();
    const [sliding, pictures] = [model.get("sliding"), model.get("pictures")];
    const first = { step: model.get("step"), plays: model.get("plays") };
    player = sliding && addSliding(el, sliding, first);
    if (pictures.length) addGridPictures(el, pictures);
  }

  draw();
  const ignore = listen(model, {
    "change:sliding": draw,
    "change:pictures": draw,
    "change:step": () => player?.stepTo(model.get("step")),
  });
  return () => {
    ignore();
    player?.end();
  };
}

export default { initialize, render };
