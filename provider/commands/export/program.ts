import { FlowWriter } from "./flows";
import { batchesOfInvitations, groupInvitations, readPksSource, singleInvitations } from "./invitations";
import { toStringLiteral } from "./literals";
import { ProgramWriter, type SecretSetting } from "./program-writer";
import type { Snapshot } from "./snapshot";

/** A program that imports flows and invitations, and the settings that it requires. */
export interface ExportedProgram {
  readonly program: string;
  /** Secret settings that the program requires: the invitations' pks by configuration key. */
  readonly secrets: ReadonlyMap<string, SecretSetting>;
  /** What the program does not contain, and why. Its comments say the same. */
  readonly skipped: readonly string[];
}

export interface ProgramOptions {
  /** Whether to write the invitations of each flow as a batch. */
  readonly isBatch: boolean;
  /** Whether the program only refers to the flows, by slug, because something else manages them. */
  readonly onlyInvitations: boolean;
  /** authentik's URL, for the comment at the top. */
  readonly baseUrl: string;
  /** The input `connection` of each resource. Defaults to the default connection. */
  readonly connection?: string | undefined;
}

export async function writeProgram(snapshot: Snapshot, options: ProgramOptions): Promise<ExportedProgram> {
  const { isBatch, onlyInvitations, connection } = options;
  const writer = new ProgramWriter(connection);
  const flowWriter = new FlowWriter(snapshot, writer);
  const groups = await groupInvitations(snapshot);
  const writeInvitations = isBatch ? batchesOfInvitations(groups, writer) : singleInvitations(groups, writer);
  for (const [index, group] of groups.entries()) {
    const flow = snapshot.flows[index];
    const reference = flow && (onlyInvitations ? () => flow.flow.slug : await flowWriter.write(flow));
    for (const { object, why } of group.skipped) writer.skip(object, why);
    await writeInvitations(group, reference);
  }
  skipUnavailable(snapshot, writer);
  const lines = [...toHeader(snapshot, options, writer), ...writer.lines];
  return { program: `${lines.join("\n").trimEnd()}\n`, secrets: writer.secrets, skipped: writer.skipped };
}

function skipUnavailable({ unreadable, hidden }: Snapshot, writer: ProgramWriter): void {
  const notAllowed = "the token's user is not allowed to view it (permission authentik_flows.view_flow)";
  for (const slug of hidden.flows) writer.skip(`The flow ${toStringLiteral(slug)}`, notAllowed);
  if (hidden.invitations > 0) {
    writer.skip(countInvitations(hidden.invitations), "the token's user is not allowed to view their flows");
  }
  if (unreadable > 0) {
    writer.skip(
      countInvitations(unreadable),
      "authentik responds with 500 when they are read, usually because their data is nested too deeply or contains too large a number",
    );
  }
}

export function countInvitations(count: number): string {
  return count === 1 ? "1 invitation" : `${count} invitations`;
}

function toHeader(
  { flows, invitationsWithoutFlow }: Snapshot,
  { onlyInvitations, baseUrl }: ProgramOptions,
  { secrets, hasResources, hasBatches }: ProgramWriter,
): string[] {
  const [first, ...others] = flows;
  const isOneFlow = first !== undefined && others.length === 0 && invitationsWithoutFlow.length === 0;
  const flowSubject = isOneFlow ? `The flow ${toStringLiteral(first.flow.slug)}` : "Flows and invitations";
  const hasSecrets = secrets.size > 0;
  return [
    `// ${onlyInvitations ? "Invitations" : flowSubject} of authentik at ${toStringLiteral(baseUrl)}, written by \`pulumi-authentik-invitations export\`.`,
    "//",
    "// The first `pulumi up` imports everything and changes nothing in authentik. Then remove the `import` options.",
    ...(hasSecrets
      ? [
          "// The invitations' pks are secrets in the stack's configuration. `export --commands` prints the commands that set them.",
          "// `fixedData` is plaintext here. Wrap it in `pulumi.secret(…)` if it contains secrets or personal data.",
          'import * as pulumi from "@pulumi/pulumi";',
        ]
      : []),
    ...(hasResources ? ['import * as authentik from "pulumi-authentik-invitations";'] : []),
    "",
    ...(hasSecrets ? ["const config = new pulumi.Config();", ""] : []),
    ...(hasBatches ? [readPksSource] : []),
  ];
}
