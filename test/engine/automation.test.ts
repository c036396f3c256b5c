import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { Authentik } from "../../sandbox";
import { Project } from "./project";

jest.setTimeout(240_000);

/** Runs inline programs of two stacks in one process: twice one after the other, and then both concurrently. */
const script = `
const automation = require("@pulumi/pulumi/automation");
const pulumi = require("@pulumi/pulumi");
const authentik = require("pulumi-authentik-invitations");

async function program() {
  const flow = await authentik.getFlow({ slug: "default-source-enrollment" });
  // Another program may run in between.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const again = await authentik.getFlowOutput({ slug: "default-source-enrollment" });
  const stage = authentik.getStageOutput({ name: "default-source-enrollment-write" });
  const jane = new authentik.Invitation("jane", { flow: flow.pk, validFor: "14d" });
  return { title: flow.title, again: again.title, stage: stage.pk, link: jane.link, stack: pulumi.getStack() };
}

async function run(stackName, url, token) {
  const stack = await automation.LocalWorkspace.createOrSelectStack(
    { stackName, projectName: "test", program },
    { workDir: __dirname },
  );
  await stack.setConfig("authentik:url", { value: url });
  await stack.setConfig("authentik:token", { value: token, secret: true });
  let output = "";
  await stack.preview({ onOutput: (text) => { output += text; } });
  const up = await stack.up({ onOutput: (text) => { output += text; } });
  const outputs = Object.fromEntries(Object.entries(up.outputs).map(([name, { value }]) => [name, value]));
  return { outputs, output };
}

const [first, second] = JSON.parse(process.env.SERVERS);
(async () => {
  const results = [];
  results.push(await run("dev", first.url, first.token));
  await fetch(first.url + "/api/v3/flows/instances/default-source-enrollment/", {
    method: "PATCH",
    headers: { authorization: "Bearer " + first.token, "content-type": "application/json" },
    body: JSON.stringify({ title: "Changed" }),
  });
  results.push(await run("dev", first.url, first.token));
  results.push(...(await Promise.all([
    run("dev", first.url, first.token),
    run("prod", second.url, second.token),
  ])));
  require("node:fs").writeFileSync("results.json", JSON.stringify(results));
})();
`;

interface Result {
  readonly outputs: Readonly<Record<string, string>>;
  readonly output: string;
}

test("each run of a process has its own lookups, warnings and User-Agent", async () => {
  const servers = [await Authentik.start(), await Authentik.start()] as const;
  const project = await Project.create("");
  try {
    await writeFile(join(project.folder, "automation.js"), script);
    const env = { ...project.env, SERVERS: JSON.stringify(servers.map(({ url, token }) => ({ url, token }))) };
    await promisify(execFile)(process.execPath, ["automation.js"], { cwd: project.folder, env });
    const results = require(join(project.folder, "results.json")) as Result[];
    const [dev, prod] = servers;
    const title = "Welcome to authentik! Please select a username.";
    expect(results.map(({ outputs: { title, again, stack } }) => [stack, title, again])).toEqual([
      ["dev", title, title],
      ["dev", "Changed", "Changed"],
      ["dev", "Changed", "Changed"],
      ["prod", title, title],
    ]);
    for (const [index, server] of [dev, dev, dev, prod].entries()) {
      const { outputs, output } = results[index] as Result;
      expect(outputs["stage"]).toBe(
        [...server.instance.stages.all()].find(({ name }) => name === "default-source-enrollment-write")?.pk,
      );
      expect(outputs["link"]).toContain(`${server.url}/if/flow/`);
      // Printed by each preview, once among the messages and once among the diagnostics.
      expect(output.match(/links to invitations have the host (\S+),/g)).toEqual(
        Array(2).fill(`links to invitations have the host ${new URL(server.url).host},`),
      );
    }
    for (const [server, stack] of [
      [dev, "dev"],
      [prod, "prod"],
    ] as const) {
      const agents = server.requests
        .map(({ userAgent }) => userAgent ?? "")
        .filter((agent) => agent.includes("pulumi-authentik"));
      expect(agents.length).toBeGreaterThan(4);
      expect(agents.filter((agent) => !agent.includes(`(test/${stack};`))).toEqual([]);
    }
    // Each preview and each update looks the flow up once.
    const lookups = servers.map(({ requests }) =>
      requests.filter(({ method, path }) => `${method} ${path}` === "GET /api/v3/flows/instances/"),
    );
    expect(lookups.map(({ length }) => length)).toEqual([6, 2]);
  } finally {
    await project.remove();
    await Promise.all(servers.map((server) => server.close()));
  }
});
