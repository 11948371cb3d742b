// Ends a test file that gets SIGTERM, which it does when it has taken too long. What drives browsers closes them at this
// signal, and goes on: the file would wait for them for ever. At the exit it kills them.

process.once("SIGTERM", () => process.exit(128 + 15));
