import { parseArgs } from "node:util";
import { Authentik, authentikVersions, type Mail, newestVersion } from "./index";

const versionList = new Intl.ListFormat("en-GB", { type: "disjunction" }).format(authentikVersions);

const usage = `Usage: npm run sandbox -- [--version ${authentikVersions.join("|")}] [--port PORT]

Starts the embedded authentik, a small in-memory stand-in for development and tests. It is not authentik.

Options:
  --version   authentik version to imitate: ${versionList} (default: ${newestVersion})
  --port      port on 127.0.0.1 (default: any free port)
  -h, --help  print this help`;

function printMail({ to, cc, bcc, subject, link }: Mail): void {
  const copies = [...cc.map((address) => `\n  cc:   ${address}`), ...bcc.map((address) => `\n  bcc:  ${address}`)];
  console.log(`\nMail "${subject}"\n  to:   ${to}${copies.join("")}\n  link: ${link}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      version: { type: "string", default: newestVersion },
      port: { type: "string", default: "0" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) {
    console.log(usage);
    return;
  }
  const version = authentikVersions.find((known) => known === values.version);
  if (version === undefined) throw new Error(`--version must be ${versionList}, not ${values.version}.`);
  const authentik = await Authentik.start({ version, port: Number(values.port), onMail: printMail });
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
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
