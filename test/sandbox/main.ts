import { parseArgs } from "node:util";
import { Authentik, type AuthentikVersion } from "./index";

const usage = `Usage: node main.js [--version 2024.8|2026.2] [--port N]

Starts the embedded authentik: a small stand-in in memory, for trying things out. It is not authentik.`;

/** A mistake in how it was called. */
class UsageError extends Error {}

function parseOptions(): { version: AuthentikVersion; port: number } | undefined {
  let values: { version?: string; port?: string; help?: boolean };
  try {
    ({ values } = parseArgs({
      options: { version: { type: "string" }, port: { type: "string" }, help: { type: "boolean", short: "h" } },
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values.help) return undefined;
  const { version = "2026.2", port = "0" } = values;
  if (version !== "2024.8" && version !== "2026.2") {
    throw new UsageError(`There is no version ${version}: it is 2024.8 or 2026.2.`);
  }
  if (!/^\d+$/.test(port) || Number(port) > 65535)
    throw new UsageError(`${port} is no port: it is a number up to 65535.`);
  return { version, port: Number(port) };
}

async function main(): Promise<void> {
  const chosen = parseOptions();
  if (!chosen) {
    console.log(usage);
    return;
  }
  const authentik = await Authentik.start(chosen);
  console.log(`The embedded authentik ${authentik.version} runs. It is a stand-in, not authentik: all it holds is in
memory and gone when it ends, and what was not recorded on a real server it answers with 501.

  export AUTHENTIK_URL=${authentik.url}
  export AUTHENTIK_TOKEN=${authentik.token}

Try it:

  curl -H "Authorization: Bearer $AUTHENTIK_TOKEN" "$AUTHENTIK_URL/api/v3/stages/invitation/invitations/"

Ctrl+C ends it.`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      void authentik.close();
    });
  }
}

main().catch((error: unknown) => {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (error instanceof UsageError) console.error(`${error.message}\n\n${usage}`);
  else if (code === "EADDRINUSE")
    console.error("The port is in use: choose another with --port, or leave it out for any.");
  else if (code === "EACCES") console.error("The port may not be used: choose one above 1023 with --port.");
  else console.error(error);
  process.exitCode = 1;
});
