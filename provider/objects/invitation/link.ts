import { formatLink } from "../../common/pk";
import { publicUrlOf } from "../../lifecycle/connections";
import { flowSlugOf } from "../../lifecycle/flow-slugs";
import { withoutUndefined } from "../../values/properties";

/** What a link follows from. */
interface Linked {
  readonly pk: string;
  readonly flowPk?: string;
  readonly flowSlug?: string;
  readonly link?: string;
  readonly connection?: string;
}

/** The state with the link that works now. The slug of its flow, or the URL of links, may have changed, which changes nothing in the invitation. */
export function withCurrentLink<State extends Linked>(state: State): State {
  const flowSlug = currentFlowSlug(state);
  const link = formatLink(publicUrlOf(state.connection), flowSlug, state.pk) ?? state.link;
  return { ...state, ...withoutUndefined({ flowSlug, link }) };
}

/** Whether the state has the link that works now. For the state of an earlier version, which has none, only another slug matters. */
export function hasCurrentLink(state: Linked): boolean {
  if (currentFlowSlug(state) !== state.flowSlug) return false;
  return state.link === undefined || withCurrentLink(state).link === state.link;
}

function currentFlowSlug({ flowPk, flowSlug }: Linked): string | undefined {
  return (flowPk === undefined ? undefined : flowSlugOf(flowPk)) ?? flowSlug;
}
