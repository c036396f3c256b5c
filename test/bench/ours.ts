/** As many invitations as the configuration says. */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { inputsOf } from "./inputs";

const config = new pulumi.Config();
const team = config.require("team");
for (let number = 0; number < config.requireNumber("resources"); number++) {
  new authentik.Invitation(`bench-${number}`, inputsOf(number, team));
}
