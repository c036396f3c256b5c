import { invitation } from "../../objects/invitation/declaration";
import { countInvitations, describeUnreadable } from "../command";
import { writeBatches } from "./batch";
import { formatSkipped, listObjects } from "./resources";
import type { Snapshot } from "./snapshot";
import { toStringLiteral } from "./typescript";
import { ProgramWriter } from "./writer";

export type ExportedProgram = Awaited<ReturnType<typeof writeProgram>>;

interface ProgramOptions {
  /** Whether to write the invitations of each flow as a batch. */
  readonly isBatch: boolean;
  /** Whether the program only refers to the flows, by slug, because something else manages them. */
  readonly onlyInvitations: boolean;
  /** authentik's URL, for the comment at the top. */
  readonly baseUrl: string;
  /** The input `connection` of each resource. */
  readonly connection?: string | undefined;
}

/** Writes a program that imports flows and invitations. */
export async function writeProgram(snapshot: Snapshot, options: ProgramOptions) {
  const { isBatch, onlyInvitations } = options;
  const objects = await listObjects(snapshot, onlyInvitations);
  const writer = new ProgramWriter(options.connection);
  if (onlyInvitations) for (const { pk, slug } of snapshot.flows) writer.references.set(pk, slug);
  for (const object of objects)
    if (!isBatch || object.declaration !== invitation || object.skipped) writer.write(object);
  if (isBatch) await writeBatches(snapshot, objects, writer);
  for (const reason of describeUnavailable(snapshot)) writer.skip(reason);
  const { secrets, skipped } = writer;
  const source = [
    toHeader(snapshot, options, writer),
    ...(secrets.size > 0 ? ["const config = new pulumi.Config();"] : []),
    ...(secrets.size > 0 && isBatch ? [readPksSource] : []),
    ...writer.sources,
  ];
  return {
    program: `${source.join("\n\n")}\n`,
    /** Secret settings that the program requires: the invitations' pks by configuration key. */
    secrets,
    /** What the program does not contain, and why. Its comments say the same. */
    skipped,
  };
}

function describeUnavailable({ unreadable, hidden }: Snapshot): string[] {
  const hiddenFlow = "the token's user is not allowed to view it (permission authentik_flows.view_flow)";
  const hiddenFlows = "the token's user is not allowed to view their flows";
  return [
    ...hidden.flows.map((slug) => formatSkipped(`The flow ${toStringLiteral(slug)}`, hiddenFlow)),
    ...(hidden.invitations > 0 ? [formatSkipped(countInvitations(hidden.invitations), hiddenFlows)] : []),
    ...(unreadable > 0 ? [describeUnreadable(unreadable)] : []),
  ];
}

function toHeader(
  { flows, invitations }: Snapshot,
  { onlyInvitations, baseUrl }: ProgramOptions,
  { secrets, hasResources }: ProgramWriter,
): string {
  const [first, ...others] = flows;
  const isOneFlow = first !== undefined && others.length === 0 && invitations.every(({ flow }) => flow !== null);
  const flowSubject = isOneFlow ? `The flow ${toStringLiteral(first.slug)}` : "Flows and invitations";
  return [
    `// ${onlyInvitations ? "Invitations" : flowSubject} of authentik at ${toStringLiteral(baseUrl)}, written by \`pulumi-authentik-invitations export\`.`,
    "//",
    "// The first `pulumi up` imports everything and changes nothing in authentik. Then remove the `import` options.",
    ...(secrets.size > 0
      ? [
          "// The invitations' pks are secrets in the stack's configuration. `export --commands` prints the commands that set them.",
          "// `fixedData` is plaintext here. Wrap it in `pulumi.secret(…)` if it contains secrets or personal data.",
          'import * as pulumi from "@pulumi/pulumi";',
        ]
      : []),
    ...(hasResources ? ['import * as authentik from "pulumi-authentik-invitations";'] : []),
  ].join("\n");
}

/** The function in the program that reads a batch's pks. */
export const readPksSource = `/** Reads a batch's pks. A missing one is an error: without \`import\`, the batch would create another invitation. */
function readPks(setting: string): (key: string) => pulumi.Output<string> {
  const pks = new Map(Object.entries(config.requireObject<Record<string, string>>(setting)));
  return (key) => {
    const pk = pks.get(key);
    if (pk === undefined) throw new pulumi.RunError(\`The setting \${setting} has no pk for "\${key}".\`);
    return pulumi.secret(pk);
  };
}`;
