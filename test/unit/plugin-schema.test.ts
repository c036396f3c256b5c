import { formatSchema } from "../../provider/plugin/schema";

test("the schema says where Pulumi downloads the plugin from, if the package has a repository on GitHub", () => {
  const parse = (repository?: string): unknown => JSON.parse(formatSchema("1.2.3", repository));
  expect(parse("git+https://github.com/example/fork.git")).toMatchObject({
    version: "1.2.3",
    repository: "https://github.com/example/fork",
    homepage: "https://github.com/example/fork",
    pluginDownloadURL: "github://api.github.com/example/fork",
    language: { go: { importBasePath: "github.com/example/fork/sdk/go/authentikinvitations" } },
  });
  expect(parse("git+https://gitlab.com/example/fork.git")).not.toHaveProperty("pluginDownloadURL");
});

test("the schema has what SDKs and the Registry show", () => {
  const { resources, functions, ...metadata } = JSON.parse(formatSchema("1.2.3", "")) as Record<string, object>;
  expect(metadata).toMatchObject({
    name: "authentik-invitations",
    publisher: expect.stringMatching(/./),
    license: "MIT",
    keywords: expect.arrayContaining(["kind/native"]),
    // A domain that nobody can own.
    language: { go: { importBasePath: "example.com/pulumi-authentik-invitations/sdk/go/authentikinvitations" } },
  });
  // Words of TypeScript.
  expect(formatSchema("1.2.3", "")).not.toMatch(/undefined|pulumi\.secret|docs\/\w/);
  // About the file in this repository.
  expect(metadata).not.toHaveProperty("attribution");
  for (const [token, { description }] of Object.entries({ ...resources, ...functions } as Record<string, never>))
    expect([token, description]).toEqual([token, expect.stringMatching(/^[A-Z][\s\S]*## Example Usage\n\n```yaml\n/)]);
});
