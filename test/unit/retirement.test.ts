import { invitationProvider } from "../../provider/lifecycle/invitation/provider";
import { invitationId } from "../../provider/common/pk";
import {
  type Body,
  gone,
  htmlPage,
  invitationBody,
  meBody,
  noPermission,
  otherPk,
  pageBody,
  pk,
} from "./support/bodies";
import {
  created,
  deleted,
  deletedByExecutor,
  eventsPath,
  eventsRequest,
  freshSettings,
  swept,
  used,
} from "./support/events";
import { answer, clearExchanges, configureWith, expectAllAsked, lines } from "./support/exchanges";
import { failureOf } from "./support/failure";
import { changesOf, invitationInputs, invitationState, type Properties, refresh } from "./support/invitation";

const one = `/stages/invitation/invitations/${pk}/`;
const id = invitationId(pk);
const past = "2026-11-22T08:30:00Z";
const hexOfAnother = otherPk.replaceAll("-", "");

const warn = jest.spyOn(console, "warn").mockImplementation();
const told = (): string[] => warn.mock.calls.map(([line]) => String(line));

beforeEach(async () => {
  clearExchanges();
  warn.mockClear();
  await configureWith(invitationProvider, freshSettings());
});
afterEach(expectAllAsked);

const single = (changes: Properties = {}): Properties => invitationState({ singleUse: true, ...changes });
const many = (changes: Properties = {}): Properties => invitationState(changes);

/** What a refresh makes of an invitation that is gone, where the event log shows this. */
async function verdict(state: Properties, events?: readonly Body[]): Promise<Properties | "drift"> {
  answer("GET", one, 404, gone);
  if (events) answer("GET", eventsPath, 200, pageBody(events));
  const read = await invitationProvider.read(id, state);
  if (read.id === undefined) {
    expect(read).toEqual({});
    return "drift";
  }
  expect(read.id).toBe(id);
  const { status, retiredAt, gone: isGone, ...kept } = read.props as Properties;
  const { status: _before, ...before } = state;
  // Everything else stays as it was, and the inputs with it.
  expect(kept).toEqual(before);
  expect(isGone).toBe(true);
  return { status, retiredAt };
}

describe("gone, and its time has not come", () => {
  const useAndDeletion = [deletedByExecutor({ at: "2026-11-22T08:59:50.025595Z" }), used(), created()];

  test("a single-use one that was used is used, since the use", async () => {
    expect(await verdict(single(), useAndDeletion)).toEqual({ status: "used", retiredAt: "2026-11-22T08:59:49Z" });
    expect(lines()).toEqual([`GET ${one}`, eventsRequest()]);
    expect(told()).toEqual([]);
  });

  test("the order of the events does not matter", async () => {
    const reversed = [...useAndDeletion].reverse();
    expect(await verdict(single(), reversed)).toEqual({ status: "used", retiredAt: "2026-11-22T08:59:49Z" });
  });

  test("one that the executor deleted is used, though the event of the use is late or gone", async () => {
    const retired = { status: "used", retiredAt: "2026-11-22T08:59:51Z" };
    expect(await verdict(single(), [deletedByExecutor(), created()])).toEqual(retired);
    expect(await verdict(many(), [deletedByExecutor(), created()])).toEqual(retired);
  });

  test("a single-use one whose use alone shows is used", async () => {
    expect(await verdict(single(), [used(), created()])).toMatchObject({ status: "used" });
  });

  test("one that somebody made good for one use, and that was used, is used", async () => {
    expect(await verdict(many(), useAndDeletion)).toEqual({ status: "used", retiredAt: "2026-11-22T08:59:49Z" });
  });

  test("one that somebody deleted is drift, and it is told who and when", async () => {
    for (const state of [single(), many()]) {
      expect(await verdict(state, [deleted(), created()])).toBe("drift");
    }
    const line = 'Invitation "jane": deleted by akadmin on 2026-11-22T08:59:51Z';
    expect(told()).toEqual([line, line]);
  });

  test("one for many uses that was used and then deleted by somebody is drift", async () => {
    expect(await verdict(many(), [deleted(), used(), created()])).toBe("drift");
  });

  test("a single-use one that had been used before somebody deleted it counts as used", async () => {
    expect(await verdict(single(), [deleted(), used(), created()])).toMatchObject({ status: "used" });
  });

  test("one that the clean-up took, since somebody had made it expire, is drift", async () => {
    for (const state of [single(), many()]) expect(await verdict(state, [swept(), created()])).toBe("drift");
    expect(told()[0]).toBe('Invitation "jane": deleted by authentik-shell on 2026-11-22T08:59:51Z');
  });

  test("with no event yet a single-use one counts as used, since now", async () => {
    const before = Date.now();
    for (const events of [[], [created()]]) {
      const retired = await verdict(single(), events);
      expect(retired).toEqual({
        status: "used",
        retiredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      });
      const since = Date.parse(String((retired as Properties)["retiredAt"]));
      expect(since).toBeGreaterThan(before - 1000);
      expect(since).toBeLessThanOrEqual(Date.now());
    }
    expect(told()).toEqual([]);
  });

  test("with no event yet one for many uses is drift, by nobody known", async () => {
    expect(await verdict(many(), [created()])).toBe("drift");
    expect(told()).toEqual(['Invitation "jane": deleted outside Pulumi']);
  });

  test("the events of another that only mention its pk prove nothing", async () => {
    const mentions = [
      deleted({ of: hexOfAnother, path: `/api/v3/stages/invitation/invitations/${pk}/` }),
      used({ of: hexOfAnother }),
      deletedByExecutor({ of: hexOfAnother }),
    ];
    expect(await verdict(single(), mentions)).toMatchObject({ status: "used" });
    expect(await verdict(many(), mentions)).toBe("drift");
    expect(told()).toEqual(['Invitation "jane": deleted outside Pulumi']);
  });

  test("events of forms that nobody knows are passed over", async () => {
    const strange = [
      { action: "custom_thing", created: "2026-11-23T00:00:00Z", context: null, user: null },
      { action: "system_task_execution", created: "2026-11-23T00:00:00Z" },
      { action: "model_deleted", created: "2026-11-23T00:00:00Z", context: { model: { pk: 7 } } },
      { ...deleted(), user: null },
    ];
    expect(await verdict(single(), strange)).toBe("drift");
    expect(told()).toEqual(['Invitation "jane": deleted by an unknown user on 2026-11-22T08:59:51Z']);
  });
});

describe("where the token may not read the event log", () => {
  function forbid(): void {
    answer("GET", one, 404, gone);
    answer("GET", eventsPath, 403, noPermission);
    answer("GET", "/core/users/me/", 200, meBody);
  }

  test("a single-use one that is gone counts as used, and the permission is named, once a process", async () => {
    forbid();
    const { props } = await refresh(single());
    expect(props).toMatchObject({ status: "used", gone: true });
    // The next is not even asked about.
    expect(await verdict(single())).toMatchObject({ status: "used" });
    expect(told()).toEqual([expect.stringContaining("permission authentik_events.view_event")]);
  });

  test("one for many uses is drift, by nobody known", async () => {
    forbid();
    expect(await invitationProvider.read(id, many())).toEqual({});
    expect(await verdict(many())).toBe("drift");
    expect(told().slice(1)).toEqual(Array(2).fill('Invitation "jane": deleted outside Pulumi'));
  });
});

describe("where the event log fails", () => {
  test.each([
    ["a single-use one", single()],
    ["one for many uses", many()],
  ])("a refresh that needs it for %s fails, and nothing is taken for deleted or used", async (_what, state) => {
    answer("GET", one, 404, gone);
    answer("GET", eventsPath, 500, htmlPage);
    const { message, stack } = await failureOf(invitationProvider.read(id, state));
    expect(message).toBe(
      'The events of Invitation "jane" could not be read: GET /api/v3/events/events/ answered 500: an HTML page, "authentik". authentik failed: look at the server\'s log, then run again.',
    );
    expect(stack).toBe("");
    expect(told()).toEqual([]);
  });
});

describe("gone, and its time has passed", () => {
  const expired = { status: "expired", retiredAt: past };

  test("one for many uses is expired, and the event log is not asked", async () => {
    expect(await verdict(many({ expires: past }))).toEqual(expired);
    expect(lines()).toEqual([`GET ${one}`]);
  });

  test.each<[string, Body[]]>([
    ["that the clean-up took", [swept(), created()]],
    ["that somebody deleted", [deleted(), created()]],
    ["whose link authentik 2026.2 refused, which deletes it", [deletedByExecutor(), created()]],
    ["that no event tells of", []],
  ])("a single-use one %s is expired", async (_what, events) => {
    expect(await verdict(single({ expires: past }), events)).toEqual(expired);
    expect(told()).toEqual([]);
  });

  test("a single-use one that was used is used, since the use", async () => {
    expect(await verdict(single({ expires: past }), [deletedByExecutor(), used(), created()])).toEqual({
      status: "used",
      retiredAt: "2026-11-22T08:59:49Z",
    });
  });
});

describe("still there", () => {
  test("one whose time has passed is expired, since then, and not gone", async () => {
    answer("GET", one, 200, invitationBody({ expires: past }));
    const { props, inputs } = await refresh(many({ expires: past }));
    expect(props).toEqual(many({ expires: past, status: "expired", retiredAt: past }));
    expect(inputs).toEqual(invitationInputs({ expires: past }));
    expect(told()).toEqual([]);
  });

  test("of an expired one nothing drifts", async () => {
    answer("GET", one, 200, invitationBody({ expires: past, fixed_data: { by: "hand" }, single_use: true, name: "x" }));
    const { props } = await refresh(many({ expires: past }));
    expect(props).toEqual(many({ expires: past, status: "expired", retiredAt: past }));
    expect(told()).toEqual([]);
  });

  test("an expired one that somebody gave more time is pending again, and drift", async () => {
    answer("GET", one, 200, invitationBody({ expires: "2031-05-06T07:08:09Z" }));
    answer("GET", eventsPath, 200, pageBody([]));
    const { props } = await refresh(many({ expires: past, status: "expired", retiredAt: past }));
    expect(props).toEqual(many());
    expect(told()).toEqual(['Invitation "jane": expires changed outside Pulumi']);
  });

  test("one whose uses are many stays pending though it was used", async () => {
    answer("GET", one, 200, invitationBody());
    expect((await refresh(many())).props).toEqual(many());
    expect(lines()).toEqual([`GET ${one}`]);
  });
});

describe("retired for good", () => {
  const ends: [string, Properties][] = [
    ["used", single({ status: "used", retiredAt: past, gone: true })],
    ["expired", many({ status: "expired", expires: past, retiredAt: past, gone: true })],
  ];

  test.each(ends)("a %s one is not asked about, nor deleted", async (_what, state) => {
    expect((await refresh(state)).props).toEqual(state);
    await invitationProvider.delete(id, state);
    expect(lines()).toEqual([]);
    expect(told()).toEqual([]);
  });

  test.each(ends)("other changes to a %s one change nothing", async (_what, state) => {
    const { expires } = state;
    for (const edit of [
      { name: "renamed" },
      { fixedData: { email: "jane@example.com" } },
      { singleUse: false },
      { flow: "enrollment" },
      { onRetired: "keep" },
      { connection: "authentik-staging" },
    ]) {
      expect(await changesOf(state, invitationInputs({ expires, ...edit }))).toEqual({ changes: false, replaces: [] });
    }
  });

  test.each(ends)("a %s one is issued anew by keepers and by reissue alone", async (_what, state) => {
    const { expires } = state;
    expect(await changesOf(state, invitationInputs({ expires, keepers: { round: 2 } }))).toEqual({
      changes: true,
      replaces: ["keepers"],
    });
    const { expires: _none, ...reissue } = invitationInputs({ validFor: "1d", onRetired: "reissue" });
    const { replaces } = await changesOf({ ...state, issuedAt: "2026-11-01T00:00:00Z" }, reissue);
    expect(replaces).toEqual(["onRetired"]);
  });

  test("an expiry that lies in the future issues an expired one anew, and a used one not", async () => {
    const replacesOf = async (state: Properties): Promise<unknown> =>
      (await changesOf(state, invitationInputs({ expires: "2031-05-06T07:08:09Z" }))).replaces;
    expect(await replacesOf(many({ status: "expired", expires: past, retiredAt: past, gone: true }))).toEqual([
      "expires",
    ]);
    expect(await replacesOf(single({ status: "used", expires: past, retiredAt: past, gone: true }))).toEqual([]);
    const another = invitationInputs({ expires: "2026-11-22T09:00:00Z" });
    expect(await changesOf(many({ status: "expired", expires: past, retiredAt: past }), another)).toEqual({
      changes: false,
      replaces: [],
    });
  });
});

describe("a choice of onRetired, or other words for the same", () => {
  const issuedAt = "2031-04-22T07:08:09Z";

  async function outputsOf(olds: Properties, news: Properties): Promise<Properties> {
    const { outs } = await invitationProvider.update(id, olds, news);
    expect(lines()).toEqual([]);
    return outs as Properties;
  }

  test("is the state's alone", async () => {
    const kept = await outputsOf(many(), invitationInputs({ onRetired: "keep" }));
    expect(kept).toEqual(many({ onRetired: "keep" }));
    expect(await outputsOf(kept, invitationInputs())).toEqual(many());
  });

  test("leaves no word that the program no longer says, so that drift is shown in its words", async () => {
    const olds = many({ issuedAt, validFor: "14d" });
    const outs = await outputsOf(olds, invitationInputs({ onRetired: "keep" }));
    expect(outs).toEqual(many({ issuedAt, onRetired: "keep" }));
    const { expires: _none, ...news } = invitationInputs({ validFor: "2 weeks" });
    expect(await outputsOf(outs, news)).toEqual(many({ issuedAt, validFor: "2 weeks" }));
  });
});

describe("a pending one with onRetired: reissue", () => {
  const { expires: _none, ...inputs } = invitationInputs({ onRetired: "reissue", validFor: "14d" });
  const issuedAt = new Date(Date.now() - 10 * 86_400_000).toISOString();
  const expires = new Date(Date.parse(issuedAt) + 14 * 86_400_000).toISOString();
  const state = invitationState({ ...inputs, issuedAt, expires });

  test("whose validFor is changed so that it has ended already is replaced at once, not by the next run", async () => {
    expect(await changesOf(state, { ...inputs, validFor: "7d" })).toEqual({ changes: true, replaces: ["validFor"] });
    expect(await changesOf(state, { ...inputs, validFor: "20d" })).toEqual({ changes: true, replaces: [] });
    expect(await changesOf(state, inputs)).toEqual({ changes: false, replaces: [] });
  });

  test("which somebody gave more time once it had expired is replaced at once, too", async () => {
    const olds = { ...state, issuedAt: "2026-11-01T00:00:00Z", expires: "2031-05-06T07:08:09Z" };
    expect((await changesOf(olds, inputs)).replaces).toEqual(["validFor"]);
  });

  test("without reissue it ends as the program says", async () => {
    expect(
      await changesOf({ ...state, onRetired: undefined }, { ...inputs, onRetired: undefined, validFor: "7d" }),
    ).toEqual({
      changes: true,
      replaces: [],
    });
  });
});
