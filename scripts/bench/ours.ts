/** Declares the configured number of invitations. */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { buildInputs } from "./inputs";

const config = new pulumi.Config();
const team = config.require("team");
for (let index = 0; index < config.requireNumber("resources"); index++) {
  new authentik.Invitation(`bench-${index}`, buildInputs(index, team));
}
