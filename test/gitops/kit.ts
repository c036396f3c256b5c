import { join } from "node:path";
import { packageRoot } from "../engine/project";

/** The folder that a team copies from. */
export const kit = join(packageRoot, "examples", "gitops");
