import { Authentik, type AuthentikVersion } from "../sandbox";
import { Project } from "./project";

export interface Fixture {
  server: Authentik;
  project: Project;
}

/** Starts a server and creates an empty project before each test of the current block, and removes both afterwards. */
export function setUpFixture(version: AuthentikVersion = "2026.2"): Fixture {
  const fixture = {} as Fixture;
  beforeEach(async () => {
    fixture.server = await Authentik.start({ version });
    fixture.project = await Project.create("", { authentik: fixture.server });
  });
  afterEach(async () => {
    await fixture.project.remove();
    await fixture.server.close();
  });
  return fixture;
}
