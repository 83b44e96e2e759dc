// Who is in which chat room. A person with several connections is there once.

export type Member = { readonly id: string; readonly name: string };
type Socket = Pick<Bun.ServerWebSocket, 'send'>;
type Room = {
  readonly sockets: Map<Socket, Member>;
  announcement: Timer | undefined;
};

/** A crowd that comes at once is announced once; telling many people of many people costs their product. */
const announceAfterMs = 50;
const announceAfterMsInCrowds = 1_000;
const crowd = 100;

export type ChatRooms = ReturnType<typeof createChatRooms>;

export function createChatRooms() {
  const rooms = new Map<string, Room>();

  function announceSoon(name: string, room: Room) {
    const ms = room.sockets.size > crowd ? announceAfterMsInCrowds : announceAfterMs;
    room.announcement ??= setTimeout(() => {
      room.announcement = undefined;
      if (room.sockets.size === 0) return void rooms.delete(name);
      const frame = presence(room);
      for (const socket of room.sockets.keys()) socket.send(frame);
    }, ms);
  }

  function knownAs(room: Room, userId: string): string | undefined {
    for (const { id, name } of room.sockets.values()) if (id === userId) return name;
    return undefined;
  }

  /** Somebody who comes back under another name has it on every connection. */
  function rename(room: Room, member: Member) {
    for (const [socket, { id }] of room.sockets)
      if (id === member.id) room.sockets.set(socket, member);
  }

  return {
    /** Everybody is told of somebody new, and a further connection of a person of those who are there. */
    enter(name: string, socket: Socket, member: Member): void {
      const room = rooms.get(name) ?? { sockets: new Map(), announcement: undefined };
      rooms.set(name, room);
      const isKnown = knownAs(room, member.id) === member.name;
      if (!isKnown) rename(room, member);
      room.sockets.set(socket, member);
      if (!isKnown) announceSoon(name, room);
      else if (!room.announcement) socket.send(presence(room));
    },

    leave(name: string, socket: Socket): void {
      const room = rooms.get(name);
      const member = room?.sockets.get(socket);
      if (!room || !member) return;
      room.sockets.delete(socket);
      const isGone = knownAs(room, member.id) === undefined;
      if (room.sockets.size === 0 || isGone) announceSoon(name, room);
    },
  };
}

function presence({ sockets }: Room): string {
  const users = new Map<string, Member>();
  for (const member of sockets.values()) users.set(member.id, member);
  return JSON.stringify({ type: 'presence', users: [...users.values()] });
}
