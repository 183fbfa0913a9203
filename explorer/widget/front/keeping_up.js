// @ts-check
// Before each view's own module. anywidget waits two seconds for a module, and a slow browser, or
// one that has a large page to draw, takes longer: the model then gets nothing that the kernel sends
// to it, for good, and only the console hears of it. Here such a model is connected again, and asks
// the kernel for what it has missed.

/**
 * What ipywidgets' own model has, which anywidget hides behind a stand-in.
 * @typedef {object} OwnModel
 * @property {{ on_msg(handle: (message: object) => void): void,
 *   send(content: object, callbacks: object): void }} [comm]
 * @property {(message: object) => Promise<void>} [_handle_comm_msg]
 */

/**
 * @typedef {object} StandIn
 * @property {(event: string, listener: (found: OwnModel) => void) => void} on
 * @property {(event: string, listener: (found: OwnModel) => void) => void} off
 * @property {(name: string, value: boolean) => void} set
 */

/** @param {{ model: StandIn }} view */
function initialize({ model }) {
  // anywidget gives a stand-in, and the model itself to those who listen to it.
  /** @type {OwnModel[]} */
  const heard = [];
  /** @param {OwnModel} found */
  const note = (found) => {
    heard.push(found);
  };
  model.on("change:_own", note);
  model.set("_own", true);
  model.off("change:_own", note);
  const own = heard.at(-1);
  const comm = own?.comm;
  if (!own || !comm || !own._handle_comm_msg) return;
  const nothing = { content: { data: {} } };
  Promise.resolve(own._handle_comm_msg(nothing)).catch(() => {
    const handle = Object.getPrototypeOf(Object.getPrototypeOf(own))._handle_comm_msg;
    comm.on_msg(handle.bind(own));
    comm.send({ method: "request_state" }, {});
  });
}
