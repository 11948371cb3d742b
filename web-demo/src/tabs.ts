// Tabs: which live view is visible. Arrow keys, Home and End move between them, and the address keeps the choice.

export class Tabs {
  readonly #tabs: HTMLElement[];
  readonly #changed: (panel: string) => void;
  selected = "";

  /** Calls `changed` with the ID of the panel that becomes visible. */
  constructor(list: Element, changed: (panel: string) => void) {
    this.#tabs = [...list.querySelectorAll<HTMLElement>("[role=tab]")];
    this.#changed = changed;
    list.addEventListener("click", ({ target }) => {
      const tab = target instanceof Element && target.closest<HTMLElement>("[role=tab]");
      if (tab) this.#select(tab, true);
    });
    list.addEventListener("keydown", (event) => {
      if (event instanceof KeyboardEvent) this.#key(event);
    });
    addEventListener("hashchange", () => this.#follow());
    this.#follow();
  }

  #follow(): void {
    const named = this.#tabs.find((tab) => panelOf(tab) === location.hash.slice(1));
    const tab = named ?? (this.selected === "" ? this.#tabs[0] : undefined);
    if (tab && panelOf(tab) !== this.selected) this.#select(tab, false);
  }

  #key(event: KeyboardEvent): void {
    const at = this.#tabs.indexOf(event.target as HTMLElement);
    const last = this.#tabs.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[
      event.key
    ];
    const tab = to === undefined ? undefined : this.#tabs[to];
    if (at < 0 || !tab) return;
    event.preventDefault();
    this.#select(tab, true);
    tab.focus();
  }

  #select(chosen: HTMLElement, remember: boolean): void {
    this.selected = panelOf(chosen);
    for (const tab of this.#tabs) {
      const isChosen = tab === chosen;
      tab.ariaSelected = String(isChosen);
      tab.tabIndex = isChosen ? 0 : -1;
      const panel = document.getElementById(panelOf(tab));
      if (panel) panel.hidden = !isChosen;
    }
    if (remember) history.replaceState(null, "", `#${this.selected}`);
    this.#changed(this.selected);
  }
}

function panelOf(tab: HTMLElement): string {
  return tab.getAttribute("aria-controls") ?? "";
}
