// Before each view's own module. anywidget waits two seconds for a module, and a slow browser, or
// one that has a large page to draw, takes longer: the model then gets nothing that the kernel sends
// to it, for good, and only the console hears of it. Here such a model is connected again, and asks
// the kernel for what it has missed.

function initialize({ model }) {
  // anywidget gives a stand-in, and the model itself to those who listen to it.
  let own = null;
  const note = (found) => { own = found; };
  model.on("change:_own", note);
  model.set("_own", true);
  model.off("change:_own", note);
  if (!own?.comm || !own._handle_comm_msg) return;
  const nothing = { content: { data: {} } };
  Promise.resolve(own._handle_comm_msg(nothing)).catch(() => {
    const handle = Object.getPrototypeOf(Object.getPrototypeOf(own))._handle_comm_msg;
    own.comm.on_msg(handle.bind(own));
    own.comm.send({ method: "request_state" }, {});
  });
}

