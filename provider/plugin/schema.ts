import schema from "./schema.json";

/** The name of the package in Pulumi programs, and of its configuration namespace. */
export const packageName = schema.name;

type PropertySchemas = Readonly<Record<string, object>>;

interface ResourceSchema {
  readonly properties: PropertySchemas;
  readonly inputProperties: PropertySchemas;
}

const resources: Readonly<Record<string, ResourceSchema>> = schema.resources;

/** The type of a resource of the plugin. */
export function pluginType(kind: string): string {
  return `${packageName}:index:${kind}`;
}

/** The component, whose resources the plugin creates. */
export const componentType = pluginType("InviteOnlyEnrollment");

/** The inputs of a resource or component. */
export function inputNamesOf(type: string): string[] {
  return Object.keys(resources[type]?.inputProperties ?? {});
}

/** The provider's inputs. */
export const providerInputNames: readonly string[] = Object.keys(schema.provider.inputProperties);

/** The provider's inputs that contain credentials. */
export const secretSettings = secretNames(schema.provider.inputProperties);

/** The outputs of a resource that are no inputs. */
export function outputNames(type: string): string[] {
  const { properties = {}, inputProperties = {} } = resources[type] ?? {};
  return Object.keys(properties).filter((name) => !(name in inputProperties));
}

/** The outputs of a resource that are secret whatever the program says. */
export function secretOutputNames(type: string): string[] {
  return secretNames(resources[type]?.properties ?? {});
}

const manifest = require("../../package.json") as { author: string; repository?: { url: string } };

/** Where the package is published, and where Pulumi downloads the plugin from. Empty without a repository on GitHub. */
export function publication(repositoryUrl = manifest.repository?.url): {
  repository?: string;
  pluginDownloadURL?: string;
} {
  const [, url, path] = /^git\+(https:\/\/github\.com\/(.+))\.git$/.exec(repositoryUrl ?? "") ?? [];
  return url === undefined ? {} : { repository: url, pluginDownloadURL: `github://api.github.com/${path}` };
}

/** The package's schema, with the version of this package. */
export function formatSchema(version: string, repositoryUrl?: string): string {
  const { repository: url, ...published } = publication(repositoryUrl);
  // Go names a module by its repository. Without one, by a domain that nobody can own, so that a program has to replace it by a folder.
  const repository = url?.replace("https://", "") ?? "example.com/pulumi-authentik-invitations";
  return JSON.stringify({
    ...schema,
    // For readers of the file. SDKs would have it in their README.
    attribution: undefined,
    version,
    publisher: manifest.author,
    homepage: url,
    repository: url,
    ...published,
    language: {
      ...schema.language,
      go: { ...schema.language.go, importBasePath: `${repository}/sdk/go/authentikinvitations` },
    },
  });
}

function secretNames(properties: PropertySchemas): string[] {
  return Object.entries(properties).flatMap(([name, property]) => ("secret" in property ? [name] : []));
}
