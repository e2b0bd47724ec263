"""Recurrent layers and their cells."""

from ckeras.layers.rnn.bidirectional import Bidirectional as Bidirectional
from ckeras.layers.rnn.conv_lstm import ConvLSTM1D as ConvLSTM1D
from ckeras.layers.rnn.conv_lstm import ConvLSTM2D as ConvLSTM2D
from ckeras.layers.rnn.conv_lstm import ConvLSTM3D as ConvLSTM3D
from ckeras.layers.rnn.gru import GRU as GRU
from ckeras.layers.rnn.gru import GRUCell as GRUCell
from ckeras.layers.rnn.lstm import LSTM as LSTM
from ckeras.layers.rnn.lstm import LSTMCell as LSTMCell
from ckeras.layers.rnn.rnn import RNN as RNN
from ckeras.layers.rnn.simple_rnn import SimpleRNN as SimpleRNN
from ckeras.layers.rnn.simple_rnn import SimpleRNNCell as SimpleRNNCell
from ckeras.layers.rnn.stacked_cells import StackedRNNCells as StackedRNNCells
from ckeras.layers.rnn.time_distributed import TimeDistributed as TimeDistributed
