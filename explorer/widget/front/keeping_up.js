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
 * @property {boolean} [comm_live] Whether there is a kernel that it belongs to.
 * @property {(event: string, listener: () => void) => void} [on]
 * @property {(event: string, listener: () => void) => void} [off]
 */

/**
 * @typedef {object} StandIn
 * @property {(event: string, listener: (found: OwnModel) => void) => void} on
 * @property {(event: string, listener: (found: OwnModel) => void) => void} off
 * @property {(name: string) => unknown} get
 * @property {(name: string, value: boolean) => void} set
 */

/**
 * Returns the model that a stand-in stands for: those who listen to the stand-in are given it.
 * @param {StandIn} model
 * @returns {OwnModel | undefined}
 */
function ownOf(model) {
  /** @type {OwnModel[]} */
  const heard = [];
  /** @param {OwnModel} found */
  const note = (found) => {
    heard.push(found);
  };
  const isSet = !model.get("_own"); // only a change is heard of
  model.on("change:_own", note);
  model.set("_own", isSet);
  model.off("change:_own", note);
  return heard.at(-1);
}

/** @param {{ model: StandIn }} view */
function initialize({ model }) {
  const own = ownOf(model);
  const comm = own?.comm;
  if (!own || !comm || !own._handle_comm_msg) return;
  const nothing = { content: { data: {} } };
  Promise.resolve(own._handle_comm_msg(nothing)).catch(() => {
    const handle = Object.getPrototypeOf(Object.getPrototypeOf(own))._handle_comm_msg;
    comm.on_msg(handle.bind(own));
    comm.send({ method: "request_state" }, {});
  });
}
