import type { dynamic } from "@pulumi/pulumi";
import type { StoredInvitation } from "../../authentik/invitations";
import { toPrintableLine } from "../../authentik/printable";
import { stripWhitespace } from "../../common/whitespace";
import { invitationProvider } from "../../lifecycle/invitation/provider";
import { flowProvider } from "../../lifecycle/objects/flow";
import { flowStageBindingProvider } from "../../lifecycle/objects/flow-stage-binding";
import { invitationStageProvider } from "../../lifecycle/objects/invitation-stage";
import { hasPassed } from "../../lifecycle/values/instant";
import { unknownValue } from "../../lifecycle/values/properties";
import type { FlowSnapshot } from "./flow-snapshot";
import { toLiteral, toStringLiteral } from "./literals";
import { toLogicalName, toStageIdentifier, toUniqueNames } from "./names";

/** A program that imports a flow, and the settings that it requires. */
export interface ExportedProgram {
  readonly program: string;
  /** Secret settings that the program requires: the invitations' pks by configuration key. */
  readonly secrets: ReadonlyMap<string, string>;
  /** What the program does not contain, and why. Its comments say the same. */
  readonly skipped: readonly string[];
}

/** The resources' defaults, which the program omits. */
const defaults = {
  flow: {
    authentication: "none",
    deniedAction: "message_continue",
    layout: "stacked",
    policyEngineMode: "any",
    compatibilityMode: false,
  },
  stage: { continueFlowWithoutInvitation: false },
  binding: {
    evaluateOnPlan: false,
    reEvaluatePolicies: true,
    invalidResponseAction: "retry",
    policyEngineMode: "any",
  },
  invitation: { singleUse: false },
};

interface Checkable {
  check(olds: Record<string, unknown>, news: Record<string, unknown>): Promise<dynamic.CheckResult>;
}

/** Writes the program. `baseUrl` is authentik's, for the comment at the top. */
export async function writeProgram(snapshot: FlowSnapshot, baseUrl: string): Promise<ExportedProgram> {
  const { flow } = snapshot;
  const writer = new Writer();

  const flowInputs = omitDefaults(
    {
      name: flow.name === flow.slug ? undefined : flow.name,
      title: flow.title === flow.name ? undefined : flow.title,
      designation: flow.designation,
      authentication: flow.authentication,
      deniedAction: flow.deniedAction,
      layout: flow.layout,
      policyEngineMode: flow.policyEngineMode,
      compatibilityMode: flow.compatibilityMode,
    },
    defaults.flow,
  );
  const complete = { ...flowInputs, name: flow.name, slug: flow.slug, title: flow.title };
  const flowError = await validationError(flowProvider, complete, flow.pk);
  if (flowError === undefined) {
    writer.resource("Flow", flow.slug, flowInputs, toStringLiteral(flow.pk), "flow");
  } else {
    writer.skip(`The flow ${toStringLiteral(flow.slug)} is referenced, but not managed`, flowError);
    writer.line(`const flow = { id: ${toStringLiteral(flow.pk)} };`);
  }

  const references = await writeStages(snapshot, writer);
  await writeBindings(snapshot, references, writer);
  await writeInvitations(snapshot, writer);

  const hasSecrets = writer.secrets.size > 0;
  const header = [
    `// The flow ${toStringLiteral(flow.slug)} of authentik at ${toStringLiteral(baseUrl)}, written by \`pulumi-authentik-invitations export\`.`,
    "//",
    "// The first `pulumi up` imports everything and changes nothing in authentik. Then remove the `import` options.",
    ...(hasSecrets
      ? [
          "// The invitations' pks are secrets in the stack's configuration. `export --commands` prints the commands that set them.",
          "// `fixedData` is plaintext here. Wrap it in `pulumi.secret(…)` if it contains secrets or personal data.",
          'import * as pulumi from "@pulumi/pulumi";',
        ]
      : []),
    'import * as authentik from "pulumi-authentik-invitations";',
    "",
    ...(hasSecrets ? ["const config = new pulumi.Config();", ""] : []),
  ];
  return {
    program: `${[...header, ...writer.lines].join("\n").trimEnd()}\n`,
    secrets: writer.secrets,
    skipped: writer.skipped,
  };
}

/** Collects the program's source lines. */
class Writer {
  readonly lines: string[] = [];
  readonly secrets = new Map<string, string>();
  readonly skipped: string[] = [];

  line(source: string): void {
    this.lines.push(source, "");
  }

  /** `importSource` and the values of `references` are source code. */
  resource(
    kind: string,
    name: string,
    inputs: Record<string, unknown>,
    importSource: string,
    identifier?: string,
    references: Record<string, string> = {},
  ): void {
    const opening = `${identifier === undefined ? "" : `const ${identifier} = `}new authentik.${kind}(`;
    const properties = [
      ...Object.entries(references).map(([input, source]) => `    ${input}: ${source},`),
      ...Object.entries(inputs).map(([input, value]) => `    ${input}: ${toLiteral(value, "    ")},`),
    ];
    const line = `${opening}${toStringLiteral(name)}, {}, { import: ${importSource} });`;
    if (properties.length === 0 && line.length <= 120) {
      this.line(line);
      return;
    }
    const whole = properties.length === 0 ? ["  {},"] : ["  {", ...properties, "  },"];
    this.lines.push(opening, `  ${toStringLiteral(name)},`, ...whole, `  { import: ${importSource} },`, ");", "");
  }

  skip(object: string, why: string): void {
    // One line, because a line separator in a name from authentik would end the comment.
    const reason = toPrintableLine(`${object}: ${why}.`);
    this.lines.push(`// ${reason}`, "");
    this.skipped.push(reason);
  }
}

/** Declares the bound stages. Returns the source code of each one's pk. */
async function writeStages(
  { stages }: FlowSnapshot,
  writer: Writer,
): Promise<Map<string, { source: string; name: string }>> {
  const all = [...stages.values()];
  const identifiers = toUniqueNames(
    all.map(({ name }) => toStageIdentifier(name)),
    "",
    ["authentik", "config", "flow", "pulumi"],
  );
  const names = toUniqueNames(
    all.map(({ name }) => toLogicalName(name, "stage")),
    "-",
  );
  const references = new Map<string, { source: string; name: string }>();
  for (const [index, stage] of all.entries()) {
    const identifier = identifiers[index] ?? "";
    const name = names[index] ?? "";
    if (!("continueFlowWithoutInvitation" in stage)) {
      if (stripWhitespace(stage.name) === "") {
        references.set(stage.pk, { source: toStringLiteral(stage.pk), name });
        continue;
      }
      writer.line(`const ${identifier} = authentik.getStageOutput({ name: ${toStringLiteral(stage.name)} });`);
      references.set(stage.pk, { source: `${identifier}.pk`, name });
      continue;
    }
    const inputs = omitDefaults(
      {
        name: stage.name === name ? undefined : stage.name,
        continueFlowWithoutInvitation: stage.continueFlowWithoutInvitation,
      },
      defaults.stage,
    );
    const why = await validationError(invitationStageProvider, { ...inputs, name: stage.name }, stage.pk);
    if (why === undefined) {
      writer.resource("InvitationStage", name, inputs, toStringLiteral(stage.pk), identifier);
      references.set(stage.pk, { source: `${identifier}.id`, name });
    } else {
      writer.skip(`The invitation stage ${toStringLiteral(stage.name)} is referenced, but not managed`, why);
      references.set(stage.pk, { source: toStringLiteral(stage.pk), name });
    }
  }
  return references;
}

async function writeBindings(
  { flow, bindings }: FlowSnapshot,
  references: ReadonlyMap<string, { source: string; name: string }>,
  writer: Writer,
): Promise<void> {
  const names = toUniqueNames(
    bindings.map(({ stage }) => `${flow.slug}-${references.get(stage)?.name ?? stage}`),
    "-",
  );
  for (const [index, binding] of bindings.entries()) {
    const { pk, target, stage, ...others } = binding;
    const inputs = omitDefaults(others, defaults.binding);
    const why = await validationError(flowStageBindingProvider, { ...inputs, target, stage }, pk);
    if (why !== undefined) {
      writer.skip(`The binding ${toStringLiteral(pk)}`, why);
      continue;
    }
    writer.resource("FlowStageBinding", names[index] ?? "", inputs, toStringLiteral(pk), undefined, {
      target: "flow.id",
      // Only the pk is known of a stage that the token's user is not allowed to view.
      stage: references.get(stage)?.source ?? toStringLiteral(stage),
    });
  }
}

async function writeInvitations({ flow, invitations, unreadable }: FlowSnapshot, writer: Writer): Promise<void> {
  const written: { invitation: StoredInvitation; inputs: Record<string, unknown> }[] = [];
  for (const invitation of invitations) {
    const { name, expires, fixedData, singleUse } = invitation;
    const object = `The invitation ${toStringLiteral(name)}`;
    if (expires === null) {
      writer.skip(object, "it has no expiry, which authentik's API cannot set; set one, and export again");
      continue;
    }
    if (hasPassed(expires)) {
      writer.skip(object, `it expired at ${expires}, and authentik will delete it`);
      continue;
    }
    const isEmpty = Object.keys(fixedData).length === 0;
    const inputs = omitDefaults(
      { expires, singleUse, fixedData: isEmpty ? undefined : fixedData },
      defaults.invitation,
    );
    const why =
      (await validationError(invitationProvider, { ...inputs, name, flow: flow.pk }, invitation.pk)) ??
      unsupportedByPulumi(fixedData);
    if (why === undefined) written.push({ invitation, inputs });
    else writer.skip(object, why);
  }
  if (unreadable > 0) {
    writer.skip(
      `${unreadable} ${unreadable === 1 ? "invitation" : "invitations"}`,
      "authentik responds with 500 when they are read, usually because their data is nested too deeply or contains too large a number",
    );
  }
  const names = toUniqueNames(
    written.map(({ invitation }) => toLogicalName(invitation.name, "invitation")),
    "-",
  );
  for (const [index, { invitation, inputs }] of written.entries()) {
    const name = names[index] ?? "";
    const key = `pk-${name.trim()}`;
    const own = invitation.name === name ? {} : { name: invitation.name };
    writer.secrets.set(key, invitation.pk);
    writer.resource("Invitation", name, { ...own, ...inputs }, `config.require(${toStringLiteral(key)})`, undefined, {
      flow: "flow.id",
    });
  }
}

/** The inputs that differ from their default. */
function omitDefaults(
  inputs: Record<string, unknown>,
  defaultValues: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(inputs).filter(([name, value]) => value !== undefined && defaultValues[name] !== value),
  );
}

/** Why the resource's `check` rejects authentik's values, if it does. */
async function validationError(
  provider: Checkable,
  inputs: Record<string, unknown>,
  pk: string,
): Promise<string | undefined> {
  const { failures } = await provider.check({}, { ...inputs, import: pk });
  return failures && failures.length > 0 ? failures.map(({ reason }) => reason).join("; ") : undefined;
}

/** Why Pulumi cannot pass on a value that `check` accepts. */
function unsupportedByPulumi(value: unknown): string | undefined {
  if (value === unknownValue) return "fixedData: contains Pulumi's placeholder for unknown values";
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, "__proto__")) return 'fixedData: contains the key "__proto__", which Pulumi drops';
  return Object.values(value)
    .map(unsupportedByPulumi)
    .find((why) => why !== undefined);
}
