// Package verify checks the proof of a verdict, on its own: it shares no code
// with the detector that wrote it, only the form of a proof and the kinds of
// resources. It is meant to be read in one sitting, together with the argument
// in docs/theory.md, and is as plain as it can be rather than fast.
//
// A proof is right if
//
//  1. every state in it is well-formed, and each wait has one edge;
//  2. the broker counted the queues before the asking, and every agent of a member
//     answered after it;
//  3. every member was in one wait epoch before the asking and after it, and
//     waited for the same;
//  4. what an edge says is held was held by all its holders before and after,
//     all of them members, and by no member besides;
//  5. what an edge says lay untaken was denied by all agents, or has been taken
//     since by one consumer, who owes the reply; and the consumers that are named,
//     all of them members, are as many as the broker counted;
//  6. when all that is open is granted, nobody can go on.
//
// What it cannot check is that agents and broker told the truth.
package verify
