//! Rooms: logs of publications that members read from where they stand.

mod name;
mod position;

pub use self::{
    name::{InvalidRoomName, RoomName},
    position::{Epoch, Gap, GapReason, InvalidPosition, Position},
};
