import { Authentik, authentikVersions } from "../../sandbox";
import { Project } from "./project";

export interface Fixture {
  server: Authentik;
  project: Project;
}

/** Starts a server and creates an empty project before each test of the current block, and removes both afterwards. */
export function setUpFixture(): Fixture {
  const fixture = {} as Fixture;
  beforeEach(() => startFixture(fixture));
  afterEach(() => removeFixture(fixture));
  return fixture;
}

/** The same once for all tests of the current block, which must leave nothing behind, for example because they only preview. */
export function setUpSharedFixture(): Fixture {
  const fixture = {} as Fixture;
  beforeAll(() => startFixture(fixture));
  afterAll(() => removeFixture(fixture));
  return fixture;
}

async function startFixture(fixture: Fixture): Promise<void> {
  fixture.server = await Authentik.start();
  fixture.project = await Project.create("", { authentik: fixture.server });
}

async function removeFixture({ server, project }: Fixture): Promise<void> {
  await project.remove();
  await server.close();
}

/** An authentik and the name of its connection. */
export interface ConnectedServer {
  readonly server: Authentik;
  readonly connection: string;
}

export interface VersionsFixture {
  servers: ConnectedServer[];
  project: Project;
}

/**
 * Starts a server of each version, and creates an empty project with a connection to each. Thus a test takes as many `pulumi` commands for all
 * versions as for one.
 */
export async function startVersions(): Promise<VersionsFixture> {
  const servers = await Promise.all(
    authentikVersions.map(async (version) => ({
      server: await Authentik.start({ version }),
      connection: `authentik-${version.replace(".", "-")}`,
    })),
  );
  const config = servers.flatMap(({ server, connection }) => [
    [`${connection}:url`, server.url] as const,
    [`${connection}:token`, { secret: server.token }] as const,
  ]);
  return { servers, project: await Project.create("", { config: Object.fromEntries(config) }) };
}

export async function removeVersions({ servers, project }: VersionsFixture): Promise<void> {
  await project.remove();
  await Promise.all(servers.map(({ server }) => server.close()));
}

/** Does both before and after each test of the current block. */
export function setUpVersions(): VersionsFixture {
  const fixture = {} as VersionsFixture;
  beforeEach(async () => {
    Object.assign(fixture, await startVersions());
  });
  afterEach(() => removeVersions(fixture));
  return fixture;
}
