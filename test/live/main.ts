/**
 * `npm run test:live`: the story of the demo, and import and get besides, against the authentik that AUTHENTIK_URL and
 * AUTHENTIK_TOKEN name. All that it makes there has a prefix of its own in its name, and is deleted by it at the end,
 * however it ends; nothing else is touched.
 */
import { deepStrictEqual } from "node:assert";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Admin, type AdminOptions, type Kind } from "../demo/admin";
import { Disappointment, runMain, Undo } from "../demo/processes";
import { type Change, Story, type Teller } from "../demo/story";
import { Workspace } from "../demo/workspace";
import { declared, handmade } from "./declared";

const day = 24 * 60 * 60 * 1000;
const kinds: readonly Kind[] = ["invitations", "stages"];

interface Flow {
  readonly pk: string;
  readonly slug: string;
}

/** Every property is changed by hand, and of each kind one object deleted. */
function changesOf(prefix: string, flow: Flow, otherFlow: Flow): readonly Change[] {
  const name = (end: string): string => `${prefix}${end}`;
  const quoted = (end: string): string => `"${name(end)}"`;
  return [
    {
      does: "Name, expiry, fixed data and single use of an invitation.",
      make: (admin) =>
        admin.change("invitations", name("dated"), {
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
      repair: `update ${name("dated")}`,
    },
    {
      does: "Flow and expiry of an invitation that says how long it is valid.",
      async make(admin) {
        const { expires } = await admin.named("invitations", name("lasting"));
        const later = new Date(Date.parse(String(expires)) + 6 * day).toISOString();
        await admin.change("invitations", name("lasting"), { expires: later, flow: otherFlow.pk });
      },
      values: [
        ["flow", `"${flow.slug}"`, `"${otherFlow.slug}"`],
        ["validFor", `"${declared.validFor}"`, '"20d"'],
      ],
      repair: `update ${name("lasting")}`,
    },
    {
      does: "Name of an invitation stage, and whether its flow goes on without an invitation.",
      make: (admin) =>
        admin.change("stages", name("stage"), {
          name: name("renamed-stage"),
          continue_flow_without_invitation: false,
        }),
      values: [
        ["name", quoted("stage"), quoted("renamed-stage")],
        ["continueFlowWithoutInvitation", "true", "false"],
      ],
      repair: `update ${name("stage")}`,
    },
    {
      does: "An invitation is deleted.",
      make: async (admin) => await admin.delete("invitations", (await admin.named("invitations", name("doomed"))).pk),
      values: [],
      repair: `create ${name("doomed")}`,
    },
    {
      does: "An invitation stage is deleted.",
      make: async (admin) => await admin.delete("stages", (await admin.named("stages", name("doomed-stage"))).pk),
      values: [],
      repair: `create ${name("doomed-stage")}`,
    },
  ];
}

class Report implements Teller {
  readonly echo = false;
  steps = 0;

  heading(sentence: string): void {
    this.steps += 1;
    process.stdout.write(`${this.steps}. ${sentence}\n`);
  }

  command(line: string): void {
    process.stdout.write(`   $ ${line}\n`);
  }

  say(sentence: string): void {
    process.stdout.write(`   ${sentence}\n`);
  }
}

function settings(): AdminOptions {
  const { AUTHENTIK_URL: url, AUTHENTIK_TOKEN: token, AUTHENTIK_INSECURE: insecure } = process.env;
  if (!url || !token) {
    throw new Disappointment(
      "The live tests need a real authentik: set AUTHENTIK_URL to its address and AUTHENTIK_TOKEN to an API token that may add, view, change and delete invitations and invitation stages, and view flows. They make objects whose names begin with live-, and delete them again.",
    );
  }
  return { url, token, insecure: ["1", "true", "yes"].includes(insecure ?? "") };
}

/** Deletes all whose names begin with the prefix, and says how much that was. */
async function cleanUp(admin: Admin, prefix: string): Promise<void> {
  let deleted = 0;
  try {
    for (const kind of kinds) {
      for (const { pk, name } of await admin.all(kind)) {
        if (!name.startsWith(prefix)) continue;
        await admin.delete(kind, pk);
        deleted += 1;
      }
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Disappointment(`Not all was cleaned up; delete by hand what begins with ${prefix}. ${reason}`);
  }
  if (deleted > 0) process.stdout.write(`Cleaned up: ${deleted} that began with ${prefix} deleted.\n`);
}

/** An invitation and a stage that somebody made by hand are taken over as they are. */
async function takeOver(story: Story, admin: Admin, report: Report, prefix: string, flow: Flow): Promise<void> {
  report.heading("An invitation and a stage that somebody made by hand are imported as they are.");
  const invitation = await admin.create("invitations", {
    name: `${prefix}handmade`,
    expires: handmade.expires,
    single_use: handmade.singleUse,
    fixed_data: handmade.fixedData,
    flow: flow.pk,
  });
  const stage = await admin.create("stages", { name: `${prefix}handmade-stage` });
  await story.configure("handmadeInvitation", { secret: invitation.pk });
  await story.configure("handmadeStage", stage.pk);
  await story.configure("imports", "true");
  await story.succeed(["up", "--yes", "--skip-preview"]);
  for (const [kind, made] of [["invitations", invitation] as const, ["stages", stage] as const]) {
    const namesakes = (await admin.all(kind)).filter(({ name }) => name === made.name);
    expectEqual(`the ${kind} named ${made.name}`, namesakes, [made]);
  }
  await story.succeed(["preview", "--refresh", "--expect-no-changes"]);

  report.heading("They stay when the option import leaves the code.");
  await story.configure("imports", "false");
  await story.succeed(["preview", "--expect-no-changes"]);
}

/** An invitation and a stage of somebody else are read, and left alone. */
async function look(story: Story, admin: Admin, report: Report, prefix: string, flow: Flow): Promise<void> {
  report.heading("An invitation and a stage of somebody else are read by get.");
  const invitation = await admin.create("invitations", {
    name: `${prefix}foreign`,
    expires: handmade.expires,
    single_use: true,
    fixed_data: handmade.fixedData,
    flow: flow.pk,
  });
  const stage = await admin.create("stages", {
    name: `${prefix}foreign-stage`,
    continue_flow_without_invitation: true,
  });
  await story.configure("foreignInvitation", { secret: invitation.pk });
  await story.configure("foreignStage", stage.pk);
  await story.configure("look", "true");
  await story.succeed(["up", "--yes", "--skip-preview"]);
  const outputs = await outputsOf(story);
  const { link, ...seenInvitation } = outputs["seenInvitation"] as Record<string, unknown>;
  expectEqual("the invitation that get read", seenInvitation, {
    name: invitation.name,
    expires: handmade.expires,
    singleUse: true,
    fixedData: handmade.fixedData,
    flowSlug: flow.slug,
    status: "pending",
  });
  expectEqual("its link", String(link).endsWith(`/if/flow/${flow.slug}/?itoken=${invitation.pk}`), true);
  expectEqual("the stage that get read", outputs["seenStage"], {
    name: stage.name,
    continueFlowWithoutInvitation: true,
  });
  expectEqual("the link of an invitation to any flow", outputs["openLink"], "none");

  report.heading("When the code no longer looks at them, they are still there.");
  await story.configure("look", "false");
  await story.succeed(["up", "--yes", "--skip-preview"]);
  for (const [kind, seen] of [["invitations", invitation] as const, ["stages", stage] as const]) {
    expectEqual(`${seen.name} in authentik`, await admin.named(kind, seen.name), seen);
    await admin.delete(kind, seen.pk);
  }
}

async function outputsOf(story: Story): Promise<Record<string, unknown>> {
  const { stdout } = await story.succeed(["stack", "output", "--json", "--show-secrets"]);
  return JSON.parse(stdout) as Record<string, unknown>;
}

function expectEqual(what: string, actual: unknown, expected: unknown): void {
  try {
    deepStrictEqual(actual, expected);
  } catch {
    throw new Disappointment(
      `Not as expected: ${what} is ${JSON.stringify(actual)}, and should be ${JSON.stringify(expected)}.`,
    );
  }
}

async function chooseFlows(admin: Admin): Promise<[Flow, Flow]> {
  const flows = await admin.flows();
  const flow = flows.find(({ slug }) => slug === "default-source-enrollment") ?? flows[0];
  const otherFlow = flows.find(({ pk }) => pk !== flow?.pk);
  if (!flow || !otherFlow) {
    throw new Disappointment(
      "The live tests need two flows of any kind that the token's user may see; there are fewer.",
    );
  }
  return [flow, otherFlow];
}

async function main(interrupted: AbortSignal): Promise<void> {
  const start = performance.now();
  const options = settings();
  const report = new Report();
  const prefix = `live-${randomBytes(3).toString("hex")}-`;
  const undo = new Undo();
  try {
    const workspace = await Workspace.create(interrupted, "authentik-live-");
    undo.later(() => workspace.remove());
    const admin = new Admin(options);
    undo.later(() => admin.close());
    const [flow, otherFlow] = await chooseFlows(admin);
    undo.later(() => cleanUp(admin, prefix));
    const program = join(__dirname, "program.js");
    await writeFile(
      join(workspace.folder, "Pulumi.yaml"),
      `name: authentik-invitations-live\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: ${JSON.stringify(program)}\n`,
    );
    process.stdout.write(`All that is made in ${options.url} begins with ${prefix}\n`);
    const story = new Story(
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
        invitations: ["dated", "lasting", "open", "doomed"].map((end) => prefix + end),
        stages: ["stage", "doomed-stage"].map((end) => prefix + end),
        isOurs: (name) => name.startsWith(prefix),
        changes: changesOf(prefix, flow, otherFlow),
        program: "test/live/program.ts",
      },
      report,
    );
    await story.tell(async () => {
      await takeOver(story, admin, report, prefix, flow);
      await look(story, admin, report, prefix, flow);
    });
  } finally {
    await undo.all();
  }
  const seconds = Math.round((performance.now() - start) / 1000);
  process.stdout.write(`All went as it should: ${report.steps} steps in ${seconds} s.\n`);
}

void runMain(main);
