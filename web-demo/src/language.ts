// The page's language: the words, and their places in the HTML.

import { en, type Words } from "./words/en.js";
import { zh } from "./words/zh.js";

export type Language = "en" | "zh";

const key = "millrace-language";

/** The current words. A change of the language replaces them as a whole and calls the `onLanguage` listeners. */
export let words: Words = en;

const listeners: (() => void)[] = [];

/** Calls `listener` whenever the language has changed. */
export function onLanguage(listener: () => void): void {
  listeners.push(listener);
}

export function language(): Language {
  return words === zh ? "zh" : "en";
}

const grouping = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** `1,234`. */
export function grouped(count: number): string {
  return grouping.format(count);
}

/** `3.0`, from ms. */
export function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}

/** `3.0 s`, from ms; words for a shorter time. */
export function lasting(ms: number): string {
  return ms < 100 ? words.instant : words.inSeconds(seconds(ms));
}

/** Uses the language that public/language.js has found, and lets `button` switch to the other one. */
export function speak(button: HTMLButtonElement, titleKey: "title" | "pushTitle"): void {
  const say = (chosen: Language) => {
    words = chosen === "zh" ? zh : en;
    document.documentElement.lang = chosen;
    document.title = words[titleKey];
    for (const element of document.querySelectorAll<HTMLElement>("[data-t], [data-t-label], [data-t-placeholder]")) {
      const { t, tLabel, tPlaceholder } = element.dataset;
      if (t) element.textContent = sentence(t);
      if (tLabel) element.ariaLabel = sentence(tLabel);
      if (tPlaceholder) element.setAttribute("placeholder", sentence(tPlaceholder));
    }
    const other = chosen === "zh" ? en : zh;
    button.textContent = other.languageName;
    button.lang = chosen === "zh" ? "en" : "zh";
    document.documentElement.classList.remove("untold");
    for (const listener of listeners) listener();
  };
  button.addEventListener("click", () => {
    const chosen = language() === "zh" ? "en" : "zh";
    try {
      localStorage.setItem(key, chosen);
    } catch {
      // Then the choice lasts until the page is closed.
    }
    say(chosen);
  });
  say(document.documentElement.lang === "zh" ? "zh" : "en");
}

function sentence(name: string): string {
  const found = words[name as keyof Words];
  if (typeof found !== "string") throw new Error(`there are no words "${name}"`);
  return found;
}
