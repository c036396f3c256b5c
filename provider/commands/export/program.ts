import { BatchWriter, readPksSource } from "./batches";
import { nameBindings, writeBindings } from "./bindings";
import { writeFlow } from "./flows";
import {
  type FlowInput,
  type InvitationGroup,
  type InvitationWriter,
  SingleInvitationWriter,
  selectInvitations,
} from "./invitations";
import { toStringLiteral } from "./literals";
import { toIdentifier, toUniqueNames } from "./names";
import { ProgramWriter, type SecretSetting } from "./program-writer";
import type { FlowSnapshot, Snapshot } from "./snapshot";
import { StageWriter } from "./stages";

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

const reservedIdentifiers = ["authentik", "config", "pulumi", "readPks"];

export async function writeProgram(snapshot: Snapshot, options: ProgramOptions): Promise<ExportedProgram> {
  const { isBatch, onlyInvitations } = options;
  const { flows, stages, invitationsWithoutFlow } = snapshot;
  const writer = new ProgramWriter(options.connection);
  const flowIdentifiers = identifyFlows(flows);
  const stageWriter = new StageWriter(stages, [...reservedIdentifiers, ...flowIdentifiers], writer);
  const bindingNames = nameBindings(flows, stageWriter);
  const writeFlowWithStages = async ({ flow, bindings }: FlowSnapshot, identifier: string): Promise<FlowInput> => {
    const variable = await writeFlow(flow, identifier, writer);
    await stageWriter.declare(bindings.map(({ stage }) => stage));
    await writeBindings(bindings, bindingNames, variable, stageWriter, writer);
    return () => variable.reference("id");
  };
  const groups = await Promise.all(flows.map(({ flow, invitations }) => selectInvitations(flow.slug, invitations)));
  const groupWithoutFlow = await selectInvitations(undefined, invitationsWithoutFlow);
  const allGroups = [...groups, groupWithoutFlow];
  const invitationWriter = isBatch
    ? new BatchWriter(allGroups, reservedIdentifiers, writer)
    : new SingleInvitationWriter(allGroups, writer);

  for (const [index, snapshotOfFlow] of flows.entries()) {
    const { slug } = snapshotOfFlow.flow;
    const input = onlyInvitations
      ? () => slug
      : await writeFlowWithStages(snapshotOfFlow, flowIdentifiers[index] ?? "");
    const group = groups[index];
    if (group) await writeInvitations(group, input, invitationWriter, writer);
  }
  await writeInvitations(groupWithoutFlow, undefined, invitationWriter, writer);
  skipUnavailable(snapshot, writer);

  const lines = [...toHeader(snapshot, options, writer), ...writer.lines];
  return { program: `${lines.join("\n").trimEnd()}\n`, secrets: writer.secrets, skipped: writer.skipped };
}

/** The variables of the flows. */
function identifyFlows(flows: readonly FlowSnapshot[]): string[] {
  if (flows.length === 1) return ["flow"];
  return toUniqueNames(
    flows.map(({ flow }) => toIdentifier(flow.slug, "flow")),
    "",
    reservedIdentifiers,
  );
}

async function writeInvitations(
  group: InvitationGroup,
  flow: FlowInput | undefined,
  invitationWriter: InvitationWriter,
  writer: ProgramWriter,
): Promise<void> {
  for (const { object, why } of group.skipped) writer.skip(object, why);
  await invitationWriter.write(group, flow);
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
  writer: ProgramWriter,
): string[] {
  const [first, ...others] = flows;
  const isOneFlow = first !== undefined && others.length === 0 && invitationsWithoutFlow.length === 0;
  const flowSubject = isOneFlow ? `The flow ${toStringLiteral(first.flow.slug)}` : "Flows and invitations";
  const subject = onlyInvitations ? "Invitations" : flowSubject;
  const hasSecrets = writer.secrets.size > 0;
  return [
    `// ${subject} of authentik at ${toStringLiteral(baseUrl)}, written by \`pulumi-authentik-invitations export\`.`,
    "//",
    "// The first `pulumi up` imports everything and changes nothing in authentik. Then remove the `import` options.",
    ...(hasSecrets
      ? [
          "// The invitations' pks are secrets in the stack's configuration. `export --commands` prints the commands that set them.",
          "// `fixedData` is plaintext here. Wrap it in `pulumi.secret(…)` if it contains secrets or personal data.",
          'import * as pulumi from "@pulumi/pulumi";',
        ]
      : []),
    ...(writer.hasResources ? ['import * as authentik from "pulumi-authentik-invitations";'] : []),
    "",
    ...(hasSecrets ? ["const config = new pulumi.Config();", ""] : []),
    ...(writer.hasBatches ? [readPksSource] : []),
  ];
}
