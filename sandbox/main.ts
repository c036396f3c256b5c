import { parseArgs } from "node:util";
import { Authentik, type AuthentikVersion, authentikVersions, type Mail, newestVersion } from "./index";

const versionList = new Intl.ListFormat("en-GB", { type: "disjunction" }).format(authentikVersions);

const usage = `Usage: npm run sandbox -- [--version ${authentikVersions.join("|")}] [--port PORT]

Starts the embedded authentik, a small in-memory stand-in for development and tests. It is not authentik.

Options:
  --version   authentik version to imitate: ${versionList} (default: ${newestVersion})
  --port      port on 127.0.0.1 (default: any free port)
  -h, --help  print this help`;

/** Invalid command-line arguments. */
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
  const { port = "0" } = values;
  const version = authentikVersions.find((known) => known === (values.version ?? newestVersion));
  if (version === undefined) throw new UsageError(`--version must be ${versionList}, not ${values.version}.`);
  if (!/^\d+$/.test(port) || Number(port) > 65535)
    throw new UsageError(`--port must be an integer from 0 to 65535, not ${port}.`);
  return { version, port: Number(port) };
}

function printMail({ to, cc, bcc, subject, link }: Mail): void {
  const copies = [...cc.map((address) => `\n  cc:   ${address}`), ...bcc.map((address) => `\n  bcc:  ${address}`)];
  console.log(`\nMail "${subject}"\n  to:   ${to}${copies.join("")}\n  link: ${link}`);
}

async function main(): Promise<void> {
  const options = parseOptions();
  if (!options) {
    console.log(usage);
    return;
  }
  const authentik = await Authentik.start({ ...options, onMail: printMail });
  console.log(`The embedded authentik ${authentik.version} is running. It is a stand-in, not authentik. It keeps all data in memory,
and returns 501 for everything that was not recorded on a real server.

  export AUTHENTIK_URL=${authentik.url}
  export AUTHENTIK_TOKEN=${authentik.token}

Try it:

  curl -H "Authorization: Bearer $AUTHENTIK_TOKEN" "$AUTHENTIK_URL/api/v3/stages/invitation/invitations/"

Invitations that it sends by email are printed here. Press Ctrl+C to stop.`);
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
    console.error("The port is in use. Choose another with --port, or omit --port to use any free port.");
  else if (code === "EACCES") console.error("Permission denied for this port. Choose one above 1023 with --port.");
  else console.error(error);
  process.exitCode = 1;
});
