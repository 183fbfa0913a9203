// What anywidget gives a view, and ipywidgets a model.

/** What tells of changes of traits. */
interface Listened<State> {
  on(event: ModelEvent<State>, listener: () => void): void;
  off(event: ModelEvent<State>, listener: () => void): void;
}

/** The model of a view, as anywidget gives it. */
interface Model<State, Sends = never, Gets = never> {
  get<Name extends keyof State>(name: Name): State[Name];
  set<Name extends keyof State>(name: Name, value: State[Name]): void;
  save_changes(): void;
  send(message: Sends, callbacks?: undefined, buffers?: ArrayBuffer[]): void;
  on(event: ModelEvent<State>, listener: () => void): void;
  on(event: "msg:custom", listener: (message: Gets, buffers: DataView<ArrayBuffer>[]) => void): void;
  off(event: ModelEvent<State>, listener: () => void): void;
  off(event: "msg:custom", listener: (message: Gets, buffers: DataView<ArrayBuffer>[]) => void): void;
}

/** "change" comes once all traits of a message are set. */
type ModelEvent<State> = "change" | `change:${keyof State & string}`;

/** What anywidget calls `render` with. */
interface View<State, Sends = never, Gets = never> {
  model: Model<State, Sends, Gets>;
  el: HTMLElement;
}
