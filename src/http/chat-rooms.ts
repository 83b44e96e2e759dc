// Who is in which chat room. A person with several connections, here or on several nodes, is there once.
import type { Presence } from '../kernel/presence.ts';

export type Member = { readonly id: string; readonly name: string };
type Socket = Pick<Bun.ServerWebSocket, 'send'>;
type Room = {
  readonly name: string;
  readonly sockets: Map<Socket, Member>;
  /** Those on other nodes. */
  elsewhere: readonly Member[];
  /** What is to be done next time: tell everybody in the room, tell the other nodes. */
  isFrameDue: boolean;
  isTellingDue: boolean;
  timer: Timer | undefined;
};

/** A crowd that comes at once is announced once; telling many people of many people costs their product. */
const announceAfterMs = 50;
const announceAfterMsInCrowds = 1_000;
const crowd = 100;

type Parts = {
  readonly presence: Presence;
  /** Undefined when the name cannot be had now. */
  readonly nameOf: (userId: string) => Promise<string | undefined>;
};

export type ChatRooms = ReturnType<typeof createChatRooms>;

export function createChatRooms({ presence, nameOf }: Parts) {
  const rooms = new Map<string, Room>();

  function announceSoon(room: Room) {
    room.isFrameDue = true;
    soon(room);
  }

  function tellSoon(room: Room) {
    room.isTellingDue = true;
    soon(room);
  }

  function soon(room: Room) {
    const ms = room.sockets.size > crowd ? announceAfterMsInCrowds : announceAfterMs;
    room.timer ??= setTimeout(() => {
      room.timer = undefined;
      if (room.isTellingDue) presence.tell(room.name, [...idsOf(room.sockets.values())]);
      if (room.sockets.size === 0) return void rooms.delete(room.name);
      const frame = room.isFrameDue ? frameOf(room) : undefined;
      if (frame) for (const socket of room.sockets.keys()) socket.send(frame);
      room.isTellingDue = room.isFrameDue = false;
    }, ms);
  }

  /** People on other nodes are known by their ids; a name that cannot be had is asked for at the next change. */
  async function lookElsewhere(room: Room) {
    const names = new Map(room.elsewhere.map(({ id, name }) => [id, name]));
    const strangers = presence.elsewhere(room.name).filter((id) => !names.has(id));
    for (const id of strangers) {
      const name = await nameOf(id);
      if (name !== undefined) names.set(id, name);
    }
    const before = labelsIn(room);
    room.elsewhere = presence
      .elsewhere(room.name)
      .flatMap((id) => (names.has(id) ? [{ id, name: names.get(id)! }] : []));
    for (const member of room.elsewhere) if (strangers.includes(member.id)) rename(room, member);
    if (before.symmetricDifference(labelsIn(room)).size > 0) announceSoon(room);
  }

  /** Somebody who comes back under another name has it on every connection. */
  function rename({ sockets }: Room, member: Member) {
    for (const [socket, { id }] of sockets) if (id === member.id) sockets.set(socket, member);
  }

  /** Other nodes ask for a name when somebody is new to them. */
  function renameElsewhere({ name, sockets }: Room, { id }: Member) {
    const others = idsOf(sockets.values());
    others.delete(id);
    presence.tell(name, [...others]);
  }

  presence.onChange((place) => {
    const room = rooms.get(place);
    if (room) void lookElsewhere(room);
  });

  function open(name: string): Room {
    const due = { isFrameDue: false, isTellingDue: false, timer: undefined };
    const room: Room = { name, sockets: new Map(), elsewhere: [], ...due };
    rooms.set(name, room);
    void lookElsewhere(room);
    return room;
  }

  return {
    /** Everybody is told of somebody new, and a further connection of a person of those who are there. */
    enter(name: string, socket: Socket, member: Member): void {
      const room = rooms.get(name) ?? open(name);
      const nameHere = nameIn(room.sockets.values(), member);
      const isNewHere = nameHere === undefined;
      const isKnown = (nameHere ?? nameIn(room.elsewhere, member)) === member.name;
      if (!isNewHere && !isKnown) renameElsewhere(room, member);
      if (!isKnown) rename(room, member);
      room.sockets.set(socket, member);
      if (isNewHere || !isKnown) tellSoon(room);
      if (!isKnown) announceSoon(room);
      else if (!room.isFrameDue) socket.send(frameOf(room));
    },

    leave(name: string, socket: Socket): void {
      const room = rooms.get(name);
      const member = room?.sockets.get(socket);
      if (!room || !member) return;
      room.sockets.delete(socket);
      if (nameIn(room.sockets.values(), member) !== undefined) return;
      tellSoon(room);
      if (nameIn(room.elsewhere, member) === undefined) announceSoon(room);
    },
  };
}

/** How somebody is called who is among these. */
function nameIn(members: Iterable<Member>, { id: wanted }: Member): string | undefined {
  for (const { id, name } of members) if (id === wanted) return name;
  return undefined;
}

function idsOf(members: Iterable<Member>): Set<string> {
  const ids = new Set<string>();
  for (const { id } of members) ids.add(id);
  return ids;
}

function labelsIn(room: Room): Set<string> {
  return new Set([...membersOf(room).values()].map(({ id, name }) => `${id} ${name}`));
}

function frameOf(room: Room): string {
  return JSON.stringify({ type: 'presence', users: [...membersOf(room).values()] });
}

function membersOf({ sockets, elsewhere }: Room): Map<string, Member> {
  const members = new Map<string, Member>();
  for (const member of elsewhere) members.set(member.id, member);
  for (const member of sockets.values()) members.set(member.id, member);
  return members;
}
