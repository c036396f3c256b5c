import { NotFoundError, ValidationError } from "../../authentik/errors";
import type { Origin } from "../../common/origin";
import { hasSecretInput } from "../../common/secret-inputs";
import { connect } from "../../lifecycle/connections";
import { UserError } from "../../lifecycle/user-error";
import { capitalize } from "../../values/strings";
import type { InvitationInputs } from "./inputs";
import { invitations } from "./requests";
import { describeInvitation, type InvitationState, refersToFlow, toApiFields, toState } from "./state";

/** Makes an invitation match its inputs. */
export async function changeInvitation(
  state: InvitationState,
  inputs: InvitationInputs,
  origin: Origin | undefined,
): Promise<InvitationState> {
  const connection = connect(state.connection);
  // The pk of the current flow is known, so it needs no lookup.
  const flow = inputs.flow !== undefined && refersToFlow(inputs.flow, state) ? state.flowPk : inputs.flow;
  const fields = await toApiFields({ ...inputs, flow }, state, connection);
  try {
    const client = connection.clientOf(origin).withholdingText(hasSecretInput(inputs));
    const stored = await invitations.update(client, state.pk, fields);
    return toState({ ...inputs, emailedTo: state.emailedTo, __unsentTo: state.__unsentTo }, stored, state.issuedAt);
  } catch (error) {
    if (error instanceof ValidationError && "flow" in error.fields && flow !== inputs.flow) {
      throw new UserError(
        `flow: authentik rejected the stored pk of the flow${hasSecretInput(inputs, "flow") ? "" : ` "${inputs.flow}"`}: ${error.fields.flow?.join(" ")} The flow may have been deleted and recreated. Run \`pulumi up --refresh\`.`,
        { cause: error },
      );
    }
    if (!(error instanceof NotFoundError)) throw error;
    throw new UserError(
      `${capitalize(describeInvitation(inputs))} no longer exists in authentik. Run \`pulumi up --refresh\`.`,
      { cause: error },
    );
  }
}
