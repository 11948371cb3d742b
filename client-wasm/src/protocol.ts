// Names shared by server and client.

/** The type of events that report a gap: delivered whatever `types` says. */
export const gapType = "millrace.gap";

/** The type of events that carry only the server's position: delivered only if `types` lists it. */
export const cursorType = "millrace.cursor";
