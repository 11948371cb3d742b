// How this page's code reaches its elements.

/** The element with this ID, which must be in index.html. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`index.html has no ${type.name} with the ID "${id}"`);
  return element;
}

/** Writes text only if it differs, so that a frame without changes touches nothing. */
export function setText(element: Element, text: string): void {
  const { firstChild: only } = element;
  if (only instanceof Text && !only.nextSibling) {
    if (only.data !== text) only.data = text; // keeps the node, which is cheaper than a new one
  } else if (element.textContent !== text) element.textContent = text;
}

/** The resolved colour of a custom property, system colours included, in a form for a canvas. */
export function resolvedColour(place: HTMLElement, name: string): string {
  const { color } = place.style;
  place.style.color = `var(${name})`;
  const resolved = getComputedStyle(place).color;
  place.style.color = color;
  return resolved;
}

/** A new element with a class and a text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = "",
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
