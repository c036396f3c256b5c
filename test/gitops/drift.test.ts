import { invitations, invitationsPath } from "../engine/server";
import { Authentik } from "../sandbox";
import { Pipeline } from "./pipeline";
import { permissionsOf } from "./roles";

jest.setTimeout(240_000);

/** A team's repository from an empty stack to a drift run that finds nothing again: real Pulumi, embedded authentik, fake `gh`. */
test("a pull request is previewed, merged and watched, and nothing that lands in public is secret", async () => {
  const server = await Authentik.start();
  const writer = server.addUser("pulumi-invitations", await permissionsOf("pulumi-invitations"));
  const reader = server.addUser("pulumi-invitations-read", await permissionsOf("pulumi-invitations-read"));
  const pipeline = await Pipeline.real(`
    const stage = new authentik.InvitationStage("staff");
    const jane = new authentik.Invitation("jane", { flow: "default-source-enrollment", expires: "2035-01-01T00:00:00Z",
      singleUse: true, fixedData: { email: "jane@example.com" } });
    exports.link = jane.link;
    exports.slug = authentik.getFlow({ slug: "default-source-enrollment" }).then(({ slug }) => slug);`);
  const env = {
    AUTHENTIK_URL: server.url,
    AUTHENTIK_TOKEN: writer,
    AUTHENTIK_READ_TOKEN: reader,
    GITHUB_ACTIONS: "true",
  };
  let log = "";
  const run = async (command: "preview" | "up" | "drift", more: Record<string, string> = {}): Promise<number> => {
    const outcome = await pipeline.run(command, { ...env, ...more });
    log += outcome.log;
    return outcome.code;
  };
  try {
    expect(await pipeline.pulumi("stack", "init", "staff")).toMatchObject({ code: 0 });

    expect(await run("preview")).toBe(0);
    const [comment] = await pipeline.posts();
    expect(comment?.body).toContain("### Pulumi would do in `staff`: 3 to create");
    expect(comment?.body).toContain('email: "jane@example.com"');

    expect(await run("up")).toBe(0);

    const [jane] = await invitations(server);
    await server.request("PATCH", `${invitationsPath}${jane?.pk}/`, { expires: "2036-01-01T00:00:00Z" });
    expect(await run("drift")).toBe(7);
    const [, issue] = await pipeline.posts();
    expect(issue).toMatchObject({ title: "authentik differs from the code in staff", open: true });
    const [told = ""] = /^Invitation "jane": .*$/m.exec(issue?.body ?? "") ?? [];
    expect(told).toMatch(
      /^Invitation "jane": expires changed outside Pulumi, last by akadmin on \d{4}-\d\d-\d\dT[\d:]+Z$/,
    );
    // First of all in the issue, before the long output.
    expect(issue?.body.indexOf(told)).toBeLessThan(issue?.body.indexOf("<details>") ?? 0);
    expect(issue?.body).toContain('"2036-01-01T00:00:00Z" => "2035-01-01T00:00:00Z"');

    expect(await run("up", { REFRESH: "true" })).toBe(0);
    expect(await run("drift")).toBe(0);
    const [, closed] = await pipeline.posts();
    expect(closed).toMatchObject({
      open: false,
      comments: [expect.stringContaining("authentik is as the code says.")],
    });

    const used = server.requests.filter(({ username }) => username === "pulumi-invitations-read");
    expect([...new Set(used.map(({ method }) => method))]).toEqual(["GET"]);

    const before = await pipeline.calls();
    expect(await run("drift", { AUTHENTIK_URL: "http://127.0.0.1:9" })).not.toBe(7);
    expect(log).toContain("cannot be reached");
    expect(await pipeline.calls()).toEqual(before);

    const secrets = [server.token, writer, reader, jane?.pk ?? "", (jane?.pk ?? "").replaceAll("-", "")];
    const published = log + JSON.stringify(await pipeline.posts()) + JSON.stringify(await pipeline.calls());
    for (const secret of secrets) {
      expect(secret).not.toBe("");
      expect(published).not.toContain(secret);
    }
    expect(published).not.toContain("itoken");
    expect(published).not.toContain("a passphrase for tests");
    // What was asserted above was not hidden by the script: it was never printed.
    expect(published).not.toContain("[hidden]");
    expect(published).toContain("link");
  } finally {
    await pipeline.remove();
    await server.close();
  }
});
