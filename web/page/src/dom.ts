/** Elements, in few words. Text is always set as text: nothing that was scanned becomes markup. */

export const find = <T extends HTMLElement = HTMLElement>(id: string): T =>
  document.getElementById(id) as T;

type Child = Node | string | null | false;

/** An element; names with a dash are attributes, others properties. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, properties: Record<string, unknown> = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, String(value));
    else (element as unknown as Record<string, unknown>)[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

/** An icon of index.html. */
export function icon(name: string): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  picture.append(use);
  return picture;
}

/** Says something to those who do not see the page. */
export function announce(text: string): void {
  find("announce").textContent = text;
}
