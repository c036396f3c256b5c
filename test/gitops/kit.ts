import { join } from "node:path";
import { packageRoot } from "../engine/project";

/** The folder that users copy the pipelines from. */
export const kit = join(packageRoot, "examples", "gitops");
