// Names that both ends share.

/** What a subscriber is told when events it has missed are gone: delivered whatever `types` says. */
export const gapType = "millrace.gap";

/** By what a server says how far it has got, where no event does: handed out only where `types` lists it. */
export const cursorType = "millrace.cursor";
