import { randomUUID } from "node:crypto";
import { Bindings } from "./bindings";
import { Events } from "./events";
import { Executor } from "./executor";
import { Flows } from "./flows";
import { type Instant, instant } from "./instants";
import { Invitations } from "./invitations";
import type { Profile } from "./profiles";
import { AllStages, Stages } from "./stages";
import { Users } from "./users";

/** One authentik with all that is in it. */
export class Instance {
  /** The system setting `default_token_duration` in minutes: how long an invitation lives that says no expiry (`settings`). */
  defaultTokenMinutes = 30;
  private lastMoment = "";
  readonly users: Users;
  readonly flows: Flows;
  readonly stages: Stages;
  readonly allStages: AllStages;
  readonly bindings: Bindings;
  readonly invitations: Invitations;
  readonly events: Events;
  readonly executor: Executor;

  constructor(
    readonly profile: Profile,
    readonly clock: () => Date,
  ) {
    this.events = new Events(this);
    this.users = new Users(this);
    this.flows = new Flows(this);
    this.stages = new Stages(this);
    this.allStages = new AllStages(this);
    this.bindings = new Bindings(this);
    this.invitations = new Invitations(this);
    this.executor = new Executor(this);
    this.stages.addDefaults();
  }

  uuid(): string {
    return randomUUID();
  }

  /** Now, or so many minutes from now. No two are the same while the clock runs on, so that events keep their order. */
  moment(minutes = 0): Instant {
    const milliseconds = this.clock().getTime() + minutes * 60_000;
    if (minutes !== 0) return instant(new Date(milliseconds), 1 + Math.floor(Math.random() * 999));
    for (let micros = 1; ; micros++) {
      const moment = instant(new Date(milliseconds), micros % 1000);
      if (moment > this.lastMoment || moment.slice(0, 23) !== this.lastMoment.slice(0, 23) || micros > 998) {
        this.lastMoment = moment;
        return moment;
      }
    }
  }
}
