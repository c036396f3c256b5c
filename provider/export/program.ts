import type { dynamic } from "@pulumi/pulumi";
import type { StoredInvitation } from "../authentik/invitations";
import { printable } from "../authentik/printable";
import { unknownValue } from "../lifecycle/check";
import { flowProvider } from "../lifecycle/flow";
import { flowStageBindingProvider } from "../lifecycle/flow-stage-binding";
import { invitationProvider } from "../lifecycle/invitation";
import { invitationStageProvider } from "../lifecycle/invitation-stage";
import { hasPassed } from "../lifecycle/invitation-state";
import type { Held } from "./held";
import { literal, textLiteral } from "./literal";
import { distinct, logicalName, stageIdentifier } from "./names";

/** A program that takes over what authentik has, and what it needs beside it. */
export interface Exported {
  readonly program: string;
  /** What has to be set, with `--secret`, before the program runs: the invitations' pks by their keys. */
  readonly secrets: ReadonlyMap<string, string>;
  /** What was left out, and why; the program says the same. */
  readonly leftOut: readonly string[];
}

/** What the resources fill in where the program says nothing. */
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

interface Checked {
  check(olds: Record<string, unknown>, news: Record<string, unknown>): Promise<dynamic.CheckResult>;
}

/** Writes the program. `origin` is where authentik answers, for the reader. */
export async function writeProgram(held: Held, origin: string): Promise<Exported> {
  const { flow } = held;
  const writer = new Writer();

  const flowInputs = without(
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
  const flowFault = await fault(flowProvider, complete, flow.pk);
  if (flowFault === undefined) {
    writer.resource("Flow", flow.slug, flowInputs, textLiteral(flow.pk), "flow");
  } else {
    writer.leaveOut(`The flow ${textLiteral(flow.slug)} is only referred to`, flowFault);
    writer.line(`const flow = { id: ${textLiteral(flow.pk)} };`);
  }

  const references = await writeStages(held, writer);
  await writeBindings(held, references, writer);
  await writeInvitations(held, writer);

  const uses = writer.secrets.size > 0;
  const head = [
    `// What authentik at ${textLiteral(origin)} has of the flow ${textLiteral(flow.slug)}, as \`pulumi-authentik-invitations export\` found it.`,
    "//",
    "// The first `pulumi up` takes it over by the options `import`, and writes nothing. Afterwards take the options out.",
    ...(uses
      ? [
          "// The pks of invitations are secrets, and come from the stack's settings: `export --commands` prints how to set them.",
          "// What `fixedData` holds stands here in clear: wrap it in `pulumi.secret(…)` where any of it is a secret, or personal.",
          'import * as pulumi from "@pulumi/pulumi";',
        ]
      : []),
    'import * as authentik from "pulumi-authentik-invitations";',
    "",
    ...(uses ? ["const config = new pulumi.Config();", ""] : []),
  ];
  return {
    program: `${[...head, ...writer.lines].join("\n").trimEnd()}\n`,
    secrets: writer.secrets,
    leftOut: writer.leftOut,
  };
}

/** Collects the program's lines. */
class Writer {
  readonly lines: string[] = [];
  readonly secrets = new Map<string, string>();
  readonly leftOut: string[] = [];

  line(text: string): void {
    this.lines.push(text, "");
  }

  /** `adopted` and what `references` name are source text. */
  resource(
    kind: string,
    name: string,
    inputs: Record<string, unknown>,
    adopted: string,
    identifier?: string,
    references: Record<string, string> = {},
  ): void {
    const begin = `${identifier === undefined ? "" : `const ${identifier} = `}new authentik.${kind}(`;
    const properties = [
      ...Object.entries(references).map(([input, source]) => `    ${input}: ${source},`),
      ...Object.entries(inputs).map(([input, value]) => `    ${input}: ${literal(value, "    ")},`),
    ];
    const line = `${begin}${textLiteral(name)}, {}, { import: ${adopted} });`;
    if (properties.length === 0 && line.length <= 120) {
      this.line(line);
      return;
    }
    const whole = properties.length === 0 ? ["  {},"] : ["  {", ...properties, "  },"];
    this.lines.push(begin, `  ${textLiteral(name)},`, ...whole, `  { import: ${adopted} },`, ");", "");
  }

  leaveOut(what: string, why: string): void {
    // One line, whatever the server's texts hold: a line separator would end the comment.
    const text = printable(`${what}: ${why}.`);
    this.lines.push(`// ${text}`, "");
    this.leftOut.push(text);
  }
}

/** Declares the bound stages, and tells for each the source text of its pk. */
async function writeStages({ stages }: Held, writer: Writer): Promise<Map<string, { source: string; name: string }>> {
  const all = [...stages.values()];
  const identifiers = distinct(
    all.map(({ name }) => stageIdentifier(name)),
    "",
    ["authentik", "config", "flow", "pulumi"],
  );
  const names = distinct(
    all.map(({ name }) => logicalName(name, "stage")),
    "-",
  );
  const references = new Map<string, { source: string; name: string }>();
  for (const [index, stage] of all.entries()) {
    const identifier = identifiers[index] ?? "";
    const name = names[index] ?? "";
    if (!("continueFlowWithoutInvitation" in stage)) {
      if (stage.name.trim() === "") {
        references.set(stage.pk, { source: textLiteral(stage.pk), name });
        continue;
      }
      writer.line(`const ${identifier} = authentik.getStageOutput({ name: ${textLiteral(stage.name)} });`);
      references.set(stage.pk, { source: `${identifier}.pk`, name });
      continue;
    }
    const inputs = without(
      {
        name: stage.name === name ? undefined : stage.name,
        continueFlowWithoutInvitation: stage.continueFlowWithoutInvitation,
      },
      defaults.stage,
    );
    const why = await fault(invitationStageProvider, { ...inputs, name: stage.name }, stage.pk);
    if (why === undefined) {
      writer.resource("InvitationStage", name, inputs, textLiteral(stage.pk), identifier);
      references.set(stage.pk, { source: `${identifier}.id`, name });
    } else {
      writer.leaveOut(`The invitation stage ${textLiteral(stage.name)} is only referred to`, why);
      references.set(stage.pk, { source: textLiteral(stage.pk), name });
    }
  }
  return references;
}

async function writeBindings(
  { flow, bindings }: Held,
  references: ReadonlyMap<string, { source: string; name: string }>,
  writer: Writer,
): Promise<void> {
  const names = distinct(
    bindings.map(({ stage }) => `${flow.slug}-${references.get(stage)?.name ?? stage}`),
    "-",
  );
  for (const [index, binding] of bindings.entries()) {
    const { pk, target, stage, ...others } = binding;
    const inputs = without(others, defaults.binding);
    const why = await fault(flowStageBindingProvider, { ...inputs, target, stage }, pk);
    if (why !== undefined) {
      writer.leaveOut(`The binding ${textLiteral(pk)}`, why);
      continue;
    }
    writer.resource("FlowStageBinding", names[index] ?? "", inputs, textLiteral(pk), undefined, {
      target: "flow.id",
      // A stage that the token's user may not see is known by its pk only.
      stage: references.get(stage)?.source ?? textLiteral(stage),
    });
  }
}

async function writeInvitations({ flow, invitations, unreadable }: Held, writer: Writer): Promise<void> {
  const written: { invitation: StoredInvitation; inputs: Record<string, unknown> }[] = [];
  for (const invitation of invitations) {
    const { name, expires, fixedData, singleUse } = invitation;
    const what = `The invitation ${textLiteral(name)}`;
    if (expires === null) {
      writer.leaveOut(what, "it has no expiry, which authentik's API cannot say; give it one, and export again");
      continue;
    }
    if (hasPassed(expires)) {
      writer.leaveOut(what, `it expired at ${expires}, and authentik deletes it by itself`);
      continue;
    }
    const isEmpty = Object.keys(fixedData).length === 0;
    const inputs = without({ expires, singleUse, fixedData: isEmpty ? undefined : fixedData }, defaults.invitation);
    const why =
      (await fault(invitationProvider, { ...inputs, name, flow: flow.pk }, invitation.pk)) ?? inexpressible(fixedData);
    if (why === undefined) written.push({ invitation, inputs });
    else writer.leaveOut(what, why);
  }
  if (unreadable > 0) {
    writer.leaveOut(
      `${unreadable} ${unreadable === 1 ? "invitation" : "invitations"}`,
      "authentik cannot show what it has itself saved (its answer is 500), for the data are too deep or hold too large a number; delete them in its database",
    );
  }
  const names = distinct(
    written.map(({ invitation }) => logicalName(invitation.name, "invitation")),
    "-",
  );
  for (const [index, { invitation, inputs }] of written.entries()) {
    const name = names[index] ?? "";
    const key = `pk-${name.trim()}`;
    const own = invitation.name === name ? {} : { name: invitation.name };
    writer.secrets.set(key, invitation.pk);
    writer.resource("Invitation", name, { ...own, ...inputs }, `config.require(${textLiteral(key)})`, undefined, {
      flow: "flow.id",
    });
  }
}

/** The inputs that are not the default. */
function without(inputs: Record<string, unknown>, usual: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(inputs).filter(([name, value]) => value !== undefined && usual[name] !== value),
  );
}

/** Why the resource's own check refuses what authentik has. */
async function fault(kind: Checked, inputs: Record<string, unknown>, pk: string): Promise<string | undefined> {
  const { failures } = await kind.check({}, { ...inputs, import: pk });
  return failures && failures.length > 0 ? failures.map(({ reason }) => reason).join("; ") : undefined;
}

/** What the check takes, and Pulumi does not hand on as it is. */
function inexpressible(value: unknown): string | undefined {
  if (value === unknownValue) return "fixedData: holds the text by which Pulumi says that a value is not known yet";
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.hasOwn(value, "__proto__")) return 'fixedData: holds the key "__proto__", which Pulumi loses';
  return Object.values(value)
    .map(inexpressible)
    .find((why) => why !== undefined);
}
