import { Authentik, type AuthentikVersion } from "../sandbox";
import { Project } from "./project";

/** What a test of the engine plays on. */
export interface Scene {
  server: Authentik;
  project: Project;
}

/** A server and a project without resources for each test of the block. */
export function setUp(version: AuthentikVersion = "2026.2"): Scene {
  const scene = {} as Scene;
  beforeEach(async () => {
    scene.server = await Authentik.start({ version });
    scene.project = await Project.create("", { authentik: scene.server });
  });
  afterEach(async () => {
    await scene.project.remove();
    await scene.server.close();
  });
  return scene;
}
