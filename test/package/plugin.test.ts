/** The plugin as an executable, installed from its archive on a machine without Node.js. */
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Authentik } from "../../sandbox";
import { Project, packageRoot } from "../engine/project";
import { invitations } from "../engine/server";

jest.setTimeout(5 * 60_000);

const run = promisify(execFile);

test("is built for this platform, installed from its archive, and runs a YAML program without node", async () => {
  const folder = await mkdtemp(join(tmpdir(), "plugin-"));
  const server = await Authentik.start();
  try {
    const { version } = JSON.parse(await readFile(join(packageRoot, "package.json"), "utf8")) as { version: string };
    // As fast as it can, because compressing Node.js takes long.
    const env = { ...process.env, GZIP: "-1" };
    const { stdout } = await run(process.execPath, [join(packageRoot, "scripts", "plugin.mjs"), folder], { env });
    const [, archive = ""] = /^(.*-v[\d.]+-[a-z]+-(?:amd64|arm64)\.tar\.gz),/m.exec(stdout) ?? [];
    const extracted = await mkdtemp(join(folder, "extracted-"));
    await run("tar", ["-xzf", archive, "-C", extracted]);
    expect(await readdir(extracted)).toEqual([
      "LICENSE",
      "NODE-LICENSE",
      "THIRD-PARTY-LICENSES",
      "pulumi-resource-authentik-invitations",
    ]);
    const license = await readFile(join(extracted, "NODE-LICENSE"), "utf8");
    // Of Node.js, and of what it contains.
    expect(license).toMatch(/^Node\.js is licensed[\s\S]*OpenSSL/);
    const project = await Project.create("", { authentik: server, link: false, plugin: { version, archive } });
    try {
      await expect(run("node", ["--version"], { env: { PATH: project.env["PATH"] } })).rejects.toThrow("ENOENT");
      await project.writeYaml(`
resources:
  flow:
    type: authentik-invitations:Flow
    properties: { slug: enrollment, title: Welcome, designation: enrollment }
  jane:
    type: authentik-invitations:Invitation
    properties: { flow: "\${flow.slug}", validFor: 14d }
`);
      await project.up();
      expect(await invitations(server)).toHaveLength(1);
      await project.destroy();
      expect(await invitations(server)).toEqual([]);
    } finally {
      await project.remove();
    }
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
});
