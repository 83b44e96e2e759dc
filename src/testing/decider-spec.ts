import { expect } from 'bun:test';
import type { Claims, Decider } from '../kernel/decider.ts';

/** `given(...history).when(command).thenEmits(...events)` reads like the sentence it tests. */
export function specify<State, Command, Event, Rejection extends string>({
  initialState,
  evolve,
  decide,
}: Decider<State, Command, Event, Rejection>) {
  return (...history: readonly Event[]) => ({
    when(command: Command) {
      const before = history.reduce(evolve, initialState);
      const decision = decide(command, before);
      const emitted = decision.ok ? decision.events : [];
      return {
        /** Says nothing of claims; those have `thenClaims`. */
        thenEmits(...events: readonly Event[]) {
          expect(decision.ok ? decision.events : decision).toEqual(events);
        },
        thenClaims(claims: Claims<Rejection>) {
          expect(decision.ok ? (decision.claims ?? {}) : decision).toEqual(claims);
        },
        thenNothingHappens() {
          expect(decision).toEqual({ ok: true, events: [] });
        },
        thenRejected(rejection: Rejection) {
          expect(decision).toEqual({ ok: false, rejection });
        },
        thenStateIs(state: State) {
          expect(emitted.reduce(evolve, before)).toEqual(state);
        },
      };
    },
  });
}
