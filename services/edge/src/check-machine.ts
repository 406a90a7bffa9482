/**
 * Exits with 0 if an edge can run on this machine, else with 1 and the reason. It is run before anything is
 * started.
 */
try {
  await import("./socket/uws.ts");
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
