/** Declares invitations, or one batch of them, as dynamic resources. */
import * as pulumi from "@pulumi/pulumi";
import * as authentik from "pulumi-authentik-invitations";
import { buildBatch, buildSingle, type Values } from "./inputs";

const config = new pulumi.Config();
const values = config.requireObject<Values>("values");
if (config.requireBoolean("batch")) new authentik.InvitationBatch("bench", buildBatch(values));
else
  for (let index = 0; index < values.count; index++)
    new authentik.Invitation(`bench-${index}`, buildSingle(index, values));
