import { type ConnectedServer, setUpVersions } from "./fixture";
import { Project } from "./project";
import { type ApiInvitation, invitations, requestsOf } from "./server";

const fixture = setUpVersions();

const uuid = "9038a63f-b904-446c-bead-91b4fc62bf60";

async function expectError(program: string, message: string): Promise<void> {
  const { project } = fixture;
  await project.write(program);
  const { code, output } = await project.preview();
  expect(code).not.toBe(0);
  expect(output).toContain(message);
}

test("a preview finds imports that differ, expiries in the past and emails that the server cannot send", async () => {
  const { project, servers } = fixture;
  const later = new Date(Date.now() + 86_400_000).toISOString();
  const earlier = new Date(Date.now() - 86_400_000).toISOString();
  const program = (expires: string, entryExpires: string): string =>
    servers
      .map(
        ({ connection }) => `
new authentik.Invitation("one ${connection}", { connection: "${connection}", name: "one", expires: "${expires}" });
new authentik.InvitationBatch("all ${connection}", {
  connection: "${connection}", name: "all", expires: "${later}", invitations: { a: { expires: "${entryExpires}" }, b: {} },
});`,
      )
      .join("\n");
  await project.write(program(later, later));
  await project.up();

  const message = "expires is in the past, so the link would stop working at once.";
  await expectError(program(earlier, later), `Invitation "one": ${message}`);
  await expectError(program(later, earlier), `invitations.a: ${message}`);

  const { connection, server } = servers[0] as ConnectedServer;
  const [all, , one] = (await invitations(server)) as [ApiInvitation, ApiInvitation, ApiInvitation];
  const common = { connection, singleUse: true, expires: later };
  const differs = "cannot be imported, because it differs from the program in singleUse.";
  const single = JSON.stringify({ ...common, name: "one" });
  await expectError(
    `new authentik.Invitation("import", ${single}, { import: "${one.pk}" });`,
    `Invitation "one" ${differs}`,
  );
  const batch = JSON.stringify({ ...common, name: "all", invitations: { a: { import: all.pk } } });
  await expectError(
    `new authentik.InvitationBatch("import", ${batch});`,
    `invitations.a: Invitation "all-a" ${differs}`,
  );
  const binding = JSON.stringify({ connection, target: uuid, stage: uuid, order: 1 });
  await expectError(
    `new authentik.FlowStageBinding("import", ${binding}, { import: "${uuid}" });`,
    "cannot be imported: authentik has no binding with the pk",
  );
  for (const { server } of servers) requestsOf(server);

  const email = servers
    .map(
      ({ connection }) => `
new authentik.Invitation("mail ${connection}", {
  connection: "${connection}", name: "mail", flow: "default-source-enrollment", expires: "${later}", email: { to: ["a@example.com"] },
});
new authentik.InvitationBatch("mails ${connection}", {
  connection: "${connection}", name: "mails", flow: "default-source-enrollment", expires: "${later}",
  invitations: { a: { email: { to: ["a@example.com"] } } },
});`,
    )
    .join("\n");
  await project.write(email);
  const unsupported = await project.preview();
  expect(unsupported.code).not.toBe(0);
  expect(unsupported.output).toMatch(/authentik at \S+ cannot send invitations by email; this needs 2026.5 or later/);
  for (const { server, connection } of servers) {
    // authentik is asked once, however many resources need the answer.
    expect(requestsOf(server).filter((line) => line.startsWith("POST")).length).toBeLessThanOrEqual(1);
    if (connection === "authentik-2026-5")
      expect(unsupported.output).not.toContain(`authentik at ${server.url} cannot`);
    await server.close();
  }
  // Without a server, the preview does without the answer.
  expect((await project.preview()).output).toContain("6 to create");
}, 240_000);

test("a token that was removed from the configuration stays in the state until the next update, with a warning", async () => {
  const { server } = fixture.servers[0] as ConnectedServer;
  const { token, url } = server;
  const project = await Project.create('new authentik.Invitation("jane", { validFor: "14d" });', {
    config: { "authentik:url": url, "authentik:token": { secret: token } },
    env: { AUTHENTIK_TOKEN: "another-token" },
  });
  try {
    const warning = "AUTHENTIK_TOKEN is ignored, because authentik:token is another token";
    expect(await project.up()).toContain(warning);
    await project.succeed("config", "rm", "authentik:token");
    expect(await project.succeed("refresh", "--yes", "--skip-preview")).toContain(warning);
    const current = await project.pulumi("refresh", "--yes", "--skip-preview", "--run-program");
    expect(current.output).toContain("authentik rejected the token");
    expect(current.output).not.toContain(warning);
  } finally {
    await project.remove();
  }
}, 120_000);
