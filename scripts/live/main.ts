/**
 * `npm run test:live`: runs the steps of the demo, an import and `get` against the authentik at AUTHENTIK_URL. The names of all objects
 * that it creates start with a random prefix, by which it deletes them at the end, also after a failure. It changes nothing else.
 */
import { deepStrictEqual } from "node:assert";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Admin, type AdminOptions, type ApiObject, type Kind } from "../demo/admin";
import { CleanupStack, ExpectationError, runMain } from "../demo/processes";
import { type ManualChange, type Reporter, Scenario } from "../demo/scenario";
import { Workspace } from "../demo/workspace";
import { declared, external } from "./values";

const day = 24 * 60 * 60 * 1000;
const kinds: readonly Kind[] = ["invitations", "stages"];

interface Flow {
  readonly pk: string;
  readonly slug: string;
}

/** Changes every property, and deletes one object of each kind. */
function planChanges(prefix: string, flow: Flow, otherFlow: Flow): readonly ManualChange[] {
  const name = (suffix: string): string => `${prefix}${suffix}`;
  const quoted = (suffix: string): string => `"${name(suffix)}"`;
  return [
    {
      description: "An admin changes the name, expiry, fixed data and single use of an invitation.",
      apply: (admin) =>
        admin.update("invitations", name("dated"), {
          name: name("renamed"),
          expires: "2035-02-01T12:00:00Z",
          single_use: false,
          fixed_data: { email: "live@example.com", attributes: { team: "other", since: 2031 } },
        }),
      values: [
        ["name", quoted("dated"), quoted("renamed")],
        ["expires", `"${declared.expires}"`, '"2035-02-01T12:00:00Z"'],
        ["singleUse", "true", "false"],
        ["team", `"${declared.team}"`, '"other"'],
        ["since", "2030", "2031"],
      ],
      plannedOperation: `update ${name("dated")}`,
    },
    {
      description: "An admin changes the flow and expiry of an invitation that is declared with validFor.",
      async apply(admin) {
        const { expires } = await admin.getByName("invitations", name("lasting"));
        const later = new Date(Date.parse(String(expires)) + 6 * day).toISOString();
        await admin.update("invitations", name("lasting"), { expires: later, flow: otherFlow.pk });
      },
      values: [
        ["flow", `"${flow.slug}"`, `"${otherFlow.slug}"`],
        ["validFor", `"${declared.validFor}"`, '"20d"'],
      ],
      plannedOperation: `update ${name("lasting")}`,
    },
    {
      description:
        "An admin changes the name of an invitation stage, and whether its flow continues without an invitation.",
      apply: (admin) =>
        admin.update("stages", name("stage"), {
          name: name("renamed-stage"),
          continue_flow_without_invitation: false,
        }),
      values: [
        ["name", quoted("stage"), quoted("renamed-stage")],
        ["continueFlowWithoutInvitation", "true", "false"],
      ],
      plannedOperation: `update ${name("stage")}`,
    },
    {
      description: "An admin deletes an invitation.",
      apply: async (admin) =>
        await admin.delete("invitations", (await admin.getByName("invitations", name("doomed"))).pk),
      values: [],
      plannedOperation: `create ${name("doomed")}`,
    },
    {
      description: "An admin deletes an invitation stage.",
      apply: async (admin) => await admin.delete("stages", (await admin.getByName("stages", name("doomed-stage"))).pk),
      values: [],
      plannedOperation: `create ${name("doomed-stage")}`,
    },
  ];
}

class Report implements Reporter {
  readonly echo = false;
  steps = 0;

  printHeading(title: string): void {
    this.steps += 1;
    process.stdout.write(`${this.steps}. ${title}\n`);
  }

  printCommand(line: string): void {
    process.stdout.write(`   $ ${line}\n`);
  }

  printNote(message: string): void {
    process.stdout.write(`   ${message}\n`);
  }
}

function readSettings(): AdminOptions {
  const { AUTHENTIK_URL: url, AUTHENTIK_TOKEN: token, AUTHENTIK_INSECURE: insecure } = process.env;
  if (!url || !token) {
    throw new ExpectationError(
      "The live tests need a real authentik. Set AUTHENTIK_URL to its URL and AUTHENTIK_TOKEN to an API token whose user is allowed to add, view, change and delete invitations and invitation stages, and to view flows. The tests create objects whose names start with live-, and delete them at the end.",
    );
  }
  return { url, token, insecure: ["1", "true", "yes"].includes(insecure ?? "") };
}

/** Deletes all objects whose names start with the prefix, and prints how many. */
async function cleanUp(admin: Admin, prefix: string): Promise<void> {
  let deleted = 0;
  try {
    for (const kind of kinds) {
      for (const { pk, name } of await admin.list(kind)) {
        if (!name.startsWith(prefix)) continue;
        await admin.delete(kind, pk);
        deleted += 1;
      }
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExpectationError(`The cleanup failed. Delete the objects whose names start with ${prefix}. ${reason}`);
  }
  if (deleted > 0) process.stdout.write(`Cleaned up: deleted ${deleted} objects whose names start with ${prefix}.\n`);
}

/** Imports an invitation and a stage that were created outside Pulumi, and reads others, which Pulumi neither changes nor deletes. */
async function useExternal(story: Scenario, admin: Admin, report: Report, prefix: string, flow: Flow): Promise<void> {
  report.printHeading(
    "Import an invitation and a stage that were created outside Pulumi, and read two others with get.",
  );
  const createBoth = async (name: string): Promise<readonly [ApiObject, ApiObject]> => [
    await admin.create("invitations", {
      name: prefix + name,
      expires: external.expires,
      single_use: external.singleUse,
      fixed_data: external.fixedData,
      flow: flow.pk,
    }),
    await admin.create("stages", { name: `${prefix}${name}-stage`, continue_flow_without_invitation: true }),
  ];
  const imported = await createBoth("imported");
  const existing = await createBoth("existing");
  const pks = { imported: imported.map(({ pk }) => pk), existing: existing.map(({ pk }) => pk) };
  await story.setConfig("external", { secret: JSON.stringify(pks) });
  await story.runPulumi(["up", "--yes", "--skip-preview"]);
  const outputs = await readOutputs(story);
  const [invitation, stage] = existing;
  const { link, ...existingInvitation } = outputs["existingInvitation"] as Record<string, unknown>;
  expectEqual("the invitation that get returned", existingInvitation, {
    name: invitation.name,
    ...external,
    flowSlug: flow.slug,
    status: "pending",
  });
  expectEqual("its link", String(link).endsWith(`/if/flow/${flow.slug}/?itoken=${invitation.pk}`), true);
  expectEqual("the stage that get returned", outputs["existingStage"], {
    name: stage.name,
    continueFlowWithoutInvitation: true,
  });
  expectEqual("the link of an invitation to any flow", outputs["openLink"], "none");
  await story.runPulumi(["preview", "--refresh", "--expect-no-changes"]);

  report.printHeading("Remove the option import and the get calls from the program. Nothing changes.");
  await story.setConfig("external", { secret: "{}" });
  await story.runPulumi(["up", "--yes", "--skip-preview"]);
  for (const [kind, index] of [["invitations", 0] as const, ["stages", 1] as const]) {
    for (const { [index]: object } of [imported, existing]) {
      const sameName = (await admin.list(kind)).filter(({ name }) => name === object.name);
      expectEqual(`the ${kind} named ${object.name}`, sameName, [object]);
    }
    await admin.delete(kind, existing[index].pk);
  }
}

async function readOutputs(story: Scenario): Promise<Record<string, unknown>> {
  const { stdout } = await story.runPulumi(["stack", "output", "--json", "--show-secrets"]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

function expectEqual(what: string, actual: unknown, expected: unknown): void {
  try {
    deepStrictEqual(actual, expected);
  } catch {
    throw new ExpectationError(
      `Unexpected value: ${what} is ${JSON.stringify(actual)}. Expected ${JSON.stringify(expected)}.`,
    );
  }
}

async function chooseFlows(admin: Admin): Promise<[Flow, Flow]> {
  const flows = await admin.listFlows();
  const flow = flows.find(({ slug }) => slug === "default-source-enrollment") ?? flows[0];
  const otherFlow = flows.find(({ pk }) => pk !== flow?.pk);
  if (!flow || !otherFlow) {
    throw new ExpectationError(
      "The live tests need two flows, of any kind, that the token's user is allowed to view. There are fewer.",
    );
  }
  return [flow, otherFlow];
}

async function main(interrupted: AbortSignal): Promise<void> {
  const start = performance.now();
  const options = readSettings();
  const report = new Report();
  const prefix = `live-${randomBytes(3).toString("hex")}-`;
  const undo = new CleanupStack();
  try {
    const workspace = await Workspace.create(interrupted, "authentik-live-");
    undo.defer(() => workspace.remove());
    const admin = new Admin(options);
    undo.defer(() => admin.close());
    const [flow, otherFlow] = await chooseFlows(admin);
    undo.defer(() => cleanUp(admin, prefix));
    const program = join(__dirname, "program.js");
    await writeFile(
      join(workspace.folder, "Pulumi.yaml"),
      `name: authentik-invitations-live\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: ${JSON.stringify(program)}\n`,
    );
    process.stdout.write(`The names of all objects created in ${options.url} start with ${prefix}.\n`);
    const story = new Scenario(
      {
        workspace,
        admin,
        stack: "live",
        config: {
          "authentik:url": options.url,
          "authentik:token": { secret: options.token },
          ...(options.insecure ? { "authentik:insecure": "true" } : {}),
          prefix,
          flow: flow.slug,
        },
        invitations: ["dated", "lasting", "open", "doomed"].map((suffix) => prefix + suffix),
        stages: ["stage", "doomed-stage"].map((suffix) => prefix + suffix),
        isOurs: (name) => name.startsWith(prefix),
        changes: planChanges(prefix, flow, otherFlow),
        program: "scripts/live/program.ts",
      },
      report,
    );
    await story.run(() => useExternal(story, admin, report, prefix, flow));
  } finally {
    await undo.run();
  }
  const seconds = Math.round((performance.now() - start) / 1000);
  process.stdout.write(`All ${report.steps} steps passed in ${seconds} s.\n`);
}

void runMain(main);
